#include "model/layer_tree_model.h"

#include "quant/core/notation.h"

#include <cmath>
#include <functional>
#include <utility>

namespace fxp::model {

namespace {

QString decibelText(double value) {
    if (std::isnan(value))
        return {};
    if (std::isinf(value))
        return value > 0 ? QStringLiteral("∞") : QStringLiteral("−∞");
    return QString::number(value, 'f', 1);
}

QString shareText(double share) {
    if (std::isnan(share))
        return {};
    if (share == 0)
        return QStringLiteral("0");
    const double percent = 100 * share;
    return percent < 0.1 ? QStringLiteral("<0.1 %") : QString::number(percent, 'f', percent < 10 ? 1 : 0) + " %";
}

/// What the column sorts by and paints.
double valueOf(const LayerNode& at, int column) {
    switch (column) {
    case LayerTreeModel::Format: return at.figures[LayerNode::Bits];
    case LayerTreeModel::Overflow: return at.figures[LayerNode::Overflow];
    case LayerTreeModel::Sqnr: return at.figures[LayerNode::Sqnr];
    case LayerTreeModel::Accumulated: return at.figures[LayerNode::VersusFloat];
    default: return LayerNode::kNone;
    }
}

} // namespace

LayerTreeModel::LayerTreeModel(Document& document, QObject* parent) : TreeModel(parent), m_document(document) {
    connect(&document, &Document::modelChanged, this, &LayerTreeModel::rebuild);
    connect(&document, &Document::samplesChanged, this, &LayerTreeModel::rebuild);
    connect(&document, &Document::formatsChanged, this, &LayerTreeModel::refresh);
    connect(&document, &Document::resultChanged, this, &LayerTreeModel::refresh);
    rebuild();
}

void LayerTreeModel::rebuild() {
    auto tree = layerTree(m_document);
    m_bySlot.assign(static_cast<std::size_t>(m_document.slotCount()), nullptr);
    const std::function<void(const LayerNode&)> enlist = [&](const LayerNode& at) {
        if (at.slot >= 0)
            m_bySlot[static_cast<std::size_t>(at.slot)] = &at;
        for (const auto& child : at.children())
            enlist(*child);
    };
    enlist(*tree);
    setRoot(std::move(tree));
}

void LayerTreeModel::refresh() {
    changeableRoot().update(m_document);
    changed();
}

int LayerTreeModel::columnCount(const QModelIndex&) const {
    return ColumnCount;
}

QModelIndex LayerTreeModel::indexOf(int slot) const {
    const bool known = slot >= 0 && static_cast<std::size_t>(slot) < m_bySlot.size();
    return known ? TreeModel::indexOf(m_bySlot[static_cast<std::size_t>(slot)]) : QModelIndex();
}

QString LayerTreeModel::notation(const LayerNode& at) const {
    if (at.slot < 0)
        return {};
    const quant::QType& format = m_document.format(at.slot);
    if (format.isFloat() && m_document.slotInfos()[static_cast<std::size_t>(at.slot)].optional)
        return tr("exact");
    return QString::fromStdString(quant::write(format, quant::Notation::SignIntegerFraction));
}

QVariant LayerTreeModel::display(const LayerNode& at, int column) const {
    switch (column) {
    case Tensor: return at.name;
    case Format: {
        if (at.slot < 0)
            return {};
        const quant::QType& format = m_document.format(at.slot);
        if (format.isPartial())
            return tr("%1 bits, no point").arg(format.totalBits.value_or(0));
        const QString text = notation(at);
        return format.isFloat() ? text : text + QStringLiteral("  %1").arg(*format.totalBits);
    }
    case Overflow: {
        const QString text = shareText(valueOf(at, Overflow));
        return at.slot < 0 && valueOf(at, Overflow) > 0 ? QStringLiteral("≤ ") + text : text;
    }
    case Sqnr: return decibelText(valueOf(at, Sqnr));
    case Accumulated: return decibelText(valueOf(at, Accumulated));
    default: return {};
    }
}

QVariant LayerTreeModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid())
        return {};
    const LayerNode& at = node(index);
    switch (role) {
    case Qt::DisplayRole: return display(at, index.column());
    case Qt::ToolTipRole: {
        QString text = at.path;
        if (!at.type.isEmpty())
            text += "  (" + at.type + ")";
        if (at.slot >= 0)
            text += "\n" + display(at, Format).toString();
        if (at.stale)
            text += "\n" + (m_document.isCatchingUp() ? tr("figures are of an earlier format")
                                                      : tr("figures are out of date: press F5"));
        return text;
    }
    case Qt::TextAlignmentRole: return int(Qt::AlignVCenter | Qt::AlignLeft);
    case SlotRole: return at.slot;
    case TypeRole: return at.type;
    case ValueRole: return valueOf(at, index.column());
    case StaleRole: return at.stale;
    case PathRole: return at.path;
    case NotationRole: return notation(at);
    case ZeroRole: return at.figures[LayerNode::Zero];
    default: return {};
    }
}

QVariant LayerTreeModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::DisplayRole) {
        switch (section) {
        case Tensor: return tr("Tensor");
        case Format: return tr("Format");
        case Overflow: return tr("Overflow");
        case Sqnr: return tr("SQNR");
        case Accumulated: return tr("vs float");
        default: return {};
        }
    }
    if (role == Qt::ToolTipRole) {
        switch (section) {
        case Tensor: return tr("Layers with their tensors, in the order of computation");
        case Format: return tr("Sign, integer bits, fraction bits; total bits");
        case Overflow: return tr("Share of values outside the format's range");
        case Sqnr: return tr("Signal to quantization noise of this tensor alone, dB");
        case Accumulated: return tr("Against the same tensor of the float run: noise gathered so far, dB");
        default: return {};
        }
    }
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | Qt::AlignLeft);
    return {};
}

} // namespace fxp::model
