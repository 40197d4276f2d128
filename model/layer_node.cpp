#include "model/layer_node.h"

#include <QHash>

#include <cmath>
#include <functional>

namespace fxp::model {

namespace {

/// The greater of two values (the lesser for `sign` −1); NaN counts as no value.
double worse(double a, double b, int sign) {
    if (std::isnan(a))
        return b;
    if (std::isnan(b))
        return a;
    return sign * a > sign * b ? a : b;
}

LayerNode* appendNamed(LayerNode* at, const QString& name) {
    auto made = std::make_unique<LayerNode>();
    made->name = name;
    made->path = at->path.isEmpty() ? name : at->path + "." + name;
    return at->append(std::move(made));
}

void joinChains(LayerNode& at) {
    while (at.parent() && at.type.isEmpty() && at.children().size() == 1 && at.children()[0]->slot < 0 &&
           at.children()[0]->type.isEmpty()) {
        const auto only = std::move(at.takeChildren().front());
        at.name += "." + only->name;
        at.path = only->path;
        for (auto& grandchild : only->takeChildren())
            at.append(std::move(grandchild));
    }
    for (const auto& child : at.children())
        joinChains(*child);
}

} // namespace

void LayerNode::update(const Document& document) {
    figures = filled();
    stale = false;
    if (slot >= 0) {
        const quant::QType& format = document.format(slot);
        const bool idle = document.slotInfos()[static_cast<std::size_t>(slot)].optional &&
                          format.isFloat(); // an exact accumulator, where nothing is quantized
        if (idle)
            return;
        stale = document.isStale(slot);
        figures[Bits] = format.totalBits.value_or(32);
        if (const auto result = document.slotResult(slot)) {
            const auto count = static_cast<double>(result->figures.count);
            figures[Overflow] = result->figures.overflowShare();
            figures[Sqnr] = result->localFigures.sqnr();
            figures[VersusFloat] = result->figures.referenceSqnr();
            figures[Zero] = count > 0 ? static_cast<double>(result->figures.underflow) / count : 0;
        }
        return;
    }
    for (const auto& child : children()) {
        child->update(document);
        for (const auto& [figure, sign] : {std::pair{Bits, 1}, {Overflow, 1}, {Sqnr, -1}, {VersusFloat, -1}, {Zero, 1}})
            figures[figure] = worse(figures[figure], child->figures[figure], sign);
        stale = stale || child->stale;
    }
}

std::unique_ptr<LayerNode> layerTree(const Document& document) {
    auto root = std::make_unique<LayerNode>();
    QHash<std::pair<const LayerNode*, QString>, LayerNode*> known;
    const auto childOf = [&known](LayerNode* at, const QString& name) {
        LayerNode*& child = known[{at, name}];
        if (!child)
            child = appendNamed(at, name);
        return child;
    };
    const std::function<void(LayerNode*, const quant::LayerSpec&, const std::string&)> addLayer =
        [&](LayerNode* at, const quant::LayerSpec& layer, const std::string& path) {
            at->type = QString::fromStdString(layer.type);
            for (const quant::LayerSpec& member : layer.members) {
                const std::string memberPath = quant::joinPath(path, member.name);
                const int slot = member.isSlot() ? document.slotOf(QString::fromStdString(memberPath)) : -1;
                if (member.isSlot() && (slot < 0 || document.slotInfos()[static_cast<std::size_t>(slot)].absent))
                    continue;
                LayerNode* node = childOf(at, QString::fromStdString(member.name));
                if (member.isSlot())
                    node->slot = slot;
                else
                    addLayer(node, member, memberPath);
            }
        };
    if (const auto model = document.model()) {
        for (const quant::LayerSpec& layer : model->layers) {
            LayerNode* at = root.get();
            for (const QString& part : QString::fromStdString(layer.name).split('.', Qt::SkipEmptyParts))
                at = childOf(at, part);
            addLayer(at, layer, layer.name);
        }
    }
    joinChains(*root);
    root->update(document);
    return root;
}

} // namespace fxp::model
