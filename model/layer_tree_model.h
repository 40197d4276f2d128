#pragma once

#include "model/document.h"
#include "model/layer_node.h"
#include "model/tree_model.h"

#include <vector>

namespace fxp::model {

/// The modules, layers and tensors of the document as a tree, with each tensor's format and figures. A branch shows the
/// worst of what is below it.
class LayerTreeModel : public TreeModel<LayerNode> {
    Q_OBJECT
  public:
    enum Column { Tensor, Format, Overflow, Sqnr, Accumulated, ColumnCount };
    enum Role {
        SlotRole = Qt::UserRole, ///< int; −1 for a branch
        TypeRole,                ///< layer type, or empty
        ValueRole,               ///< double, what the column sorts by: share, dB; NaN where there is none
        StaleRole,               ///< bool
        PathRole,                ///< module or tensor path
        NotationRole,            ///< the tensor's format alone: `s1.4`, `float`, `exact`
        ZeroRole,                ///< double, share of the values that were not zero and became it; NaN where unknown
    };

    explicit LayerTreeModel(Document& document, QObject* parent = nullptr);

    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

    QModelIndex indexOf(int slot) const;

  private:
    void rebuild();
    void refresh();
    QString notation(const LayerNode& node) const;
    QVariant display(const LayerNode& node, int column) const;

    Document& m_document;
    std::vector<const LayerNode*> m_bySlot;
};

} // namespace fxp::model
