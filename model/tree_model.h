#pragma once

#include <QAbstractItemModel>

#include <memory>
#include <utility>
#include <vector>

namespace fxp::model {

/// A node of a tree that owns its children and knows its place. `Node` is the class derived from it.
template <class Node> class TreeNode {
  public:
    const std::vector<std::unique_ptr<Node>>& children() const { return m_children; }
    /// Null for the root.
    Node* parent() const { return m_parent; }
    /// Its place among its parent's children.
    int row() const { return m_row; }

    Node* append(std::unique_ptr<Node> child) {
        child->m_parent = static_cast<Node*>(this);
        child->m_row = static_cast<int>(m_children.size());
        m_children.push_back(std::move(child));
        return m_children.back().get();
    }

    /// Takes all children away: they belong to the caller, until they are appended to another node.
    std::vector<std::unique_ptr<Node>> takeChildren() { return std::exchange(m_children, {}); }

  private:
    Node* m_parent = nullptr;
    int m_row = 0;
    std::vector<std::unique_ptr<Node>> m_children;
};

/// An item model over a tree of nodes. It owns index(), parent() and rowCount(): a model derived from it says only what
/// a row shows. The tree is replaced as a whole, by setRoot(), or its nodes change in place, and changed() says so.
template <class Node> class TreeModel : public QAbstractItemModel {
  public:
    using QAbstractItemModel::QAbstractItemModel;

    QModelIndex index(int row, int column, const QModelIndex& parent = {}) const final {
        if (!hasIndex(row, column, parent))
            return {};
        return createIndex(row, column, node(parent).children()[static_cast<std::size_t>(row)].get());
    }

    QModelIndex parent(const QModelIndex& child) const final {
        return child.isValid() ? indexOf(node(child).parent()) : QModelIndex();
    }

    int rowCount(const QModelIndex& parent = {}) const final {
        return parent.column() > 0 ? 0 : static_cast<int>(node(parent).children().size());
    }

  protected:
    /// The root itself is no row.
    const Node& root() const { return *m_root; }

    /// Of no index: the root.
    const Node& node(const QModelIndex& index) const {
        return index.isValid() ? *static_cast<const Node*>(index.constInternalPointer()) : *m_root;
    }

    /// The row of a node of this tree; none for the root and for null.
    QModelIndex indexOf(const Node* node, int column = 0) const {
        return node && node != m_root.get() ? createIndex(node->row(), column, node) : QModelIndex();
    }

    /// Shows another tree. Indexes of the old one are invalid from here on.
    void setRoot(std::unique_ptr<Node> root) {
        beginResetModel();
        m_root = std::move(root);
        endResetModel();
    }

    /// What any row shows may have changed.
    void changed() { notify(*m_root); }

    /// The nodes may be changed in place, but for their children.
    Node& changeableRoot() { return *m_root; }

  private:
    void notify(const Node& at) {
        if (at.children().empty())
            return;
        const QModelIndex parent = indexOf(&at);
        Q_EMIT dataChanged(index(0, 0, parent), index(rowCount(parent) - 1, columnCount(parent) - 1, parent));
        for (const auto& child : at.children())
            notify(*child);
    }

    std::unique_ptr<Node> m_root = std::make_unique<Node>();
};

} // namespace fxp::model
