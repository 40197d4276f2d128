#include "views/layers/figure_delegate.h"

#include "model/layer_tree_model.h"
#include "model/thresholds.h"
#include "views/theme.h"

#include <QApplication>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace fxp::views {

using model::LayerTreeModel;

namespace {

constexpr double kFullSqnr = 70; ///< dB at which a bar fills its cell

} // namespace

void FigureDelegate::paintName(QPainter* painter, const QRect& area, const QStyleOptionViewItem& option,
                               const QModelIndex& index) const {
    const Theme theme(QApplication::palette()); // the view's own highlight is a tint
    const QString name = index.data().toString(), type = index.data(LayerTreeModel::TypeRole).toString();
    painter->setPen(theme.text);
    const QString shown = option.fontMetrics.elidedText(name, Qt::ElideMiddle, area.width());
    painter->drawText(area, Qt::AlignVCenter | Qt::AlignLeft, shown);
    const int used = option.fontMetrics.horizontalAdvance(shown) + 8;
    if (!type.isEmpty() && area.width() - used > 24) {
        painter->setPen(theme.muted);
        QFont small = option.font;
        small.setPointSizeF(small.pointSizeF() * 0.88);
        painter->setFont(small);
        painter->drawText(area.adjusted(used, 0, 0, 0), Qt::AlignVCenter | Qt::AlignLeft,
                          QFontMetrics(small).elidedText(type, Qt::ElideRight, area.width() - used));
    }
}

void FigureDelegate::paint(QPainter* painter, const QStyleOptionViewItem& given, const QModelIndex& index) const {
    QStyleOptionViewItem option = given;
    initStyleOption(&option, index);
    const Theme theme(QApplication::palette()); // the view's own highlight is a tint
    const bool branch = index.data(LayerTreeModel::SlotRole).toInt() < 0;
    const bool stale = index.data(LayerTreeModel::StaleRole).toBool();
    painter->save();
    if (option.state & QStyle::State_Selected) {
        painter->fillRect(option.rect, theme.selected);
        if (index.column() == LayerTreeModel::Tensor)
            painter->fillRect(QRect(option.rect.left(), option.rect.top(), 3, option.rect.height()), theme.accent);
    }
    QRect area = option.rect.adjusted(4, 0, -4, 0);
    painter->setFont(option.font);
    const double value = index.data(LayerTreeModel::ValueRole).toDouble();
    const QString text = index.data().toString();
    switch (index.column()) {
    case LayerTreeModel::Tensor: paintName(painter, area, option, index); break;
    case LayerTreeModel::Format: {
        QFont mono(QStringList{"DejaVu Sans Mono", "Liberation Mono", "monospace"});
        mono.setStyleHint(QFont::Monospace);
        mono.setPointSizeF(option.font.pointSizeF() * 0.92);
        painter->setFont(mono);
        painter->setPen(theme.text);
        // Of a long scale digits go, and never the bits at the end.
        painter->drawText(area, Qt::AlignVCenter | Qt::AlignLeft,
                          painter->fontMetrics().elidedText(text, Qt::ElideMiddle, area.width()));
        break;
    }
    default: {
        const bool overflow = index.column() == LayerTreeModel::Overflow;
        const auto grade = overflow ? (value > model::kNotedOverflow ? model::Grade::Bad : model::Grade::Good)
                                    : model::gradeOfSqnr(value);
        const bool bad = grade == model::Grade::Bad && !text.isEmpty();
        double share = 0;
        if (std::isfinite(value))
            share = overflow ? std::min(1.0, std::sqrt(value)) : std::clamp(value / kFullSqnr, 0.04, 1.0);
        if (share > 0 && !text.isEmpty()) {
            QColor colour = stale                         ? theme.muted
                            : overflow || bad             ? theme.danger
                            : grade == model::Grade::Weak ? theme.warning
                                                          : theme.accent;
            colour.setAlphaF(branch ? 0.14f : 0.26f);
            painter->setPen(Qt::NoPen);
            painter->setBrush(colour);
            const QRect bar(area.left() - 2, area.top() + 3, static_cast<int>(share * area.width()), area.height() - 6);
            painter->drawRoundedRect(bar, 2, 2);
        }
        if (bad && !branch && !stale) {
            painter->setPen(theme.danger);
            QFont strong = option.font;
            strong.setBold(true);
            painter->setFont(strong);
        } else {
            painter->setPen(branch || stale || (overflow && value == 0) ? theme.muted : theme.text);
        }
        painter->drawText(area, Qt::AlignVCenter | Qt::AlignLeft, text);
    }
    }
    painter->restore();
}

QSize FigureDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
    return {QStyledItemDelegate::sizeHint(option, index).width(), option.fontMetrics.height() + 8};
}

} // namespace fxp::views
