#include "model/layer_tree_model.h"

#include "quant/core/notation.h"

#include <QHash>

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

namespace fxp::model {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

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

/// The greater of two values (the lesser for `sign` −1); NaN counts as no value.
double worse(double a, double b, int sign) {
    if (std::isnan(a))
        return b;
    if (std::isnan(b))
        return a;
    return sign * a > sign * b ? a : b;
}

} // namespace

struct LayerTreeModel::Node {
    QString name, path, type;
    int slot = -1;
    Node* parent = nullptr;
    int row = 0;
    std::vector<std::unique_ptr<Node>> children;
    double value[ColumnCount] = {kNone, kNone, kNone, kNone, kNone};
    double zero = kNone;
    bool stale = false;

    Node* append(const QString& childName) {
        auto made = std::make_unique<Node>();
        made->name = childName;
        made->path = path.isEmpty() ? childName : path + "." + childName;
        made->parent = this;
        made->row = static_cast<int>(children.size());
        children.push_back(std::move(made));
        return children.back().get();
    }

    /// A chain of modules with one child each is shown as one row: `encoder.layers`.
    void joinChains() {
        while (parent && type.isEmpty() && children.size() == 1 && children[0]->slot < 0 &&
               children[0]->type.isEmpty()) {
            const std::unique_ptr<Node> only = std::move(children[0]);
            name += "." + only->name;
            path = only->path;
            children = std::move(only->children);
            for (const auto& grandchild : children)
                grandchild->parent = this;
        }
        for (const auto& item : children)
            item->joinChains();
    }

    void update(const Document& document) {
        for (double& v : value)
            v = kNone;
        zero = kNone;
        stale = false;
        if (slot >= 0) {
            stale = false;
            const bool idle = document.slotInfos()[static_cast<std::size_t>(slot)].optional &&
                              document.format(slot).isFloat(); // an exact accumulator, where nothing is quantized
            if (const auto result = idle ? nullptr : document.slotResult(slot)) {
                value[Overflow] = result->figures.overflowShare();
                value[Sqnr] = result->localFigures.sqnr();
                value[Accumulated] = result->figures.referenceSqnr();
                const auto count = static_cast<double>(result->figures.count);
                zero = count > 0 ? static_cast<double>(result->figures.underflow) / count : 0;
            }
            stale = !idle && document.isStale(slot);
            const quant::QType& format = document.format(slot);
            if (!idle)
                value[Format] = format.totalBits.value_or(32);
            return;
        }
        for (const auto& item : children) {
            item->update(document);
            value[Overflow] = worse(value[Overflow], item->value[Overflow], 1);
            value[Sqnr] = worse(value[Sqnr], item->value[Sqnr], -1);
            value[Accumulated] = worse(value[Accumulated], item->value[Accumulated], -1);
            value[Format] = worse(value[Format], item->value[Format], 1);
            stale = stale || item->stale;
        }
    }
};

LayerTreeModel::LayerTreeModel(Document& document, QObject* parent)
    : QAbstractItemModel(parent), m_document(document), m_root(std::make_unique<Node>()) {
    connect(&document, &Document::modelChanged, this, &LayerTreeModel::rebuild);
    connect(&document, &Document::samplesChanged, this, &LayerTreeModel::rebuild);
    connect(&document, &Document::formatsChanged, this, &LayerTreeModel::refresh);
    connect(&document, &Document::resultChanged, this, &LayerTreeModel::refresh);
    rebuild();
}

LayerTreeModel::~LayerTreeModel() = default;

void LayerTreeModel::rebuild() {
    beginResetModel();
    m_root = std::make_unique<Node>();
    m_bySlot.assign(static_cast<std::size_t>(m_document.slotCount()), nullptr);
    QHash<std::pair<const Node*, QString>, Node*> known;
    const auto childOf = [&known](Node* at, const QString& name) {
        Node*& child = known[{at, name}];
        if (!child)
            child = at->append(name);
        return child;
    };
    const std::function<void(Node*, const quant::LayerSpec&, const std::string&)> addLayer =
        [&](Node* at, const quant::LayerSpec& layer, const std::string& path) {
            at->type = QString::fromStdString(layer.type);
            for (const quant::LayerSpec& member : layer.members) {
                const std::string memberPath = quant::joinPath(path, member.name);
                const int slot = member.isSlot() ? m_document.slotOf(QString::fromStdString(memberPath)) : -1;
                if (member.isSlot() && (slot < 0 || m_document.slotInfos()[static_cast<std::size_t>(slot)].absent))
                    continue;
                Node* item = childOf(at, QString::fromStdString(member.name));
                if (member.isSlot())
                    item->slot = slot;
                else
                    addLayer(item, member, memberPath);
            }
        };
    if (const auto model = m_document.model()) {
        for (const quant::LayerSpec& layer : model->layers) {
            Node* at = m_root.get();
            for (const QString& part : QString::fromStdString(layer.name).split('.', Qt::SkipEmptyParts))
                at = childOf(at, part);
            addLayer(at, layer, layer.name);
        }
    }
    m_root->joinChains();
    m_root->update(m_document);
    const std::function<void(const Node&)> enlist = [&](const Node& at) {
        if (at.slot >= 0)
            m_bySlot[static_cast<std::size_t>(at.slot)] = &at;
        for (const auto& item : at.children)
            enlist(*item);
    };
    enlist(*m_root);
    endResetModel();
}

void LayerTreeModel::refresh() {
    m_root->update(m_document);
    notify(*m_root);
}

void LayerTreeModel::notify(const Node& at) {
    if (at.children.empty())
        return;
    const Node& first = *at.children.front();
    const Node& last = *at.children.back();
    Q_EMIT dataChanged(createIndex(first.row, 0, &first), createIndex(last.row, ColumnCount - 1, &last));
    for (const auto& item : at.children)
        notify(*item);
}

const LayerTreeModel::Node& LayerTreeModel::node(const QModelIndex& index) const {
    return index.isValid() ? *static_cast<const Node*>(index.constInternalPointer()) : *m_root;
}

QModelIndex LayerTreeModel::index(int row, int column, const QModelIndex& parent) const {
    if (!hasIndex(row, column, parent))
        return {};
    return createIndex(row, column, node(parent).children[static_cast<std::size_t>(row)].get());
}

QModelIndex LayerTreeModel::parent(const QModelIndex& child) const {
    if (!child.isValid())
        return {};
    const Node* parent = node(child).parent;
    return parent == m_root.get() ? QModelIndex() : createIndex(parent->row, 0, parent);
}

int LayerTreeModel::rowCount(const QModelIndex& parent) const {
    return parent.column() > 0 ? 0 : static_cast<int>(node(parent).children.size());
}

int LayerTreeModel::columnCount(const QModelIndex&) const {
    return ColumnCount;
}

QModelIndex LayerTreeModel::indexOf(int slot) const {
    if (slot < 0 || static_cast<std::size_t>(slot) >= m_bySlot.size() || !m_bySlot[static_cast<std::size_t>(slot)])
        return {};
    const Node* found = m_bySlot[static_cast<std::size_t>(slot)];
    return createIndex(found->row, 0, found);
}

QString LayerTreeModel::notation(const Node& at) const {
    if (at.slot < 0)
        return {};
    const quant::QType& format = m_document.format(at.slot);
    if (format.isFloat() && m_document.slotInfos()[static_cast<std::size_t>(at.slot)].optional)
        return tr("exact");
    return QString::fromStdString(quant::write(format, quant::Notation::SignIntegerFraction));
}

QVariant LayerTreeModel::display(const Node& at, int column) const {
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
        const QString text = shareText(at.value[Overflow]);
        return at.slot < 0 && at.value[Overflow] > 0 ? QStringLiteral("≤ ") + text : text;
    }
    case Sqnr: return decibelText(at.value[Sqnr]);
    case Accumulated: return decibelText(at.value[Accumulated]);
    default: return {};
    }
}

QVariant LayerTreeModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid())
        return {};
    const Node& at = node(index);
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
    case ValueRole: return at.value[index.column()];
    case StaleRole: return at.stale;
    case PathRole: return at.path;
    case NotationRole: return notation(at);
    case ZeroRole: return at.zero;
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
