#pragma once

#include <QStyledItemDelegate>

namespace fxp::views {

/// Paints the tree's cells: a layer's type beside its name, figures with a bar behind them, stale figures grey.
class FigureDelegate : public QStyledItemDelegate {
    Q_OBJECT
  public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

  private:
    void paintName(QPainter* painter, const QRect& area, const QStyleOptionViewItem& option,
                   const QModelIndex& index) const;
};

} // namespace fxp::views
