#include "views/samples/sample_browser.h"

#include "model/sample_list_model.h"
#include "views/copy_rows.h"
#include "views/stale_text.h"
#include "views/theme.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QListView>
#include <QPainter>
#include <QStyle>
#include <QStyledItemDelegate>
#include <QVBoxLayout>

#include <algorithm>

namespace fxp::views {

using model::SampleListModel;

namespace {

constexpr int kPicture = 62, kCell = 78;

/// A thumbnail over its label and predictions; a changed one is framed and marked with ≠.
class SampleDelegate : public QStyledItemDelegate {
  public:
    using QStyledItemDelegate::QStyledItemDelegate;

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override {
        return {kCell, kPicture + 12 + 3 * (option.fontMetrics.height() + 1)};
    }

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
        const Theme theme(option.palette);
        const bool changed = index.data(SampleListModel::ChangedRole).toBool();
        const bool stale = index.data(SampleListModel::StaleRole).toBool();
        painter->save();
        if (option.state & QStyle::State_Selected)
            painter->fillRect(option.rect, theme.selected);
        const QRect frame(option.rect.left() + 4, option.rect.top() + 4, kPicture, kPicture);
        const auto image = index.data(Qt::DecorationRole).value<QImage>();
        painter->setRenderHint(QPainter::Antialiasing);
        if (!image.isNull()) {
            const QImage scaled = image.scaled(frame.size() - QSize(6, 6), Qt::KeepAspectRatio, Qt::FastTransformation);
            painter->drawImage(
                QRect(frame.center() - QPoint(scaled.width() / 2 - 1, scaled.height() / 2 - 1), scaled.size()), scaled);
        }
        painter->setBrush(Qt::NoBrush);
        painter->setPen(QPen(!changed ? theme.grid : stale ? theme.muted : theme.danger, changed ? 1.8 : 1));
        painter->drawRoundedRect(frame, 4, 4);
        int y = frame.bottom() + 4;
        const int line = option.fontMetrics.height() + 1;
        QFont small = option.font;
        small.setPointSizeF(small.pointSizeF() * 0.92);
        const auto write = [&](const QString& text, const QColor& colour, bool strong) {
            QFont font = small;
            font.setBold(strong);
            painter->setFont(font);
            painter->setPen(colour);
            painter->drawText(QRect(frame.left(), y, kCell - 4, line), Qt::AlignLeft | Qt::AlignVCenter, text);
            y += line;
        };
        const QVariant label = index.data(SampleListModel::LabelRole);
        const QVariant real = index.data(SampleListModel::FloatRole), fixed = index.data(SampleListModel::FixedRole);
        write(label.isValid() ? SampleListModel::tr("label %1").arg(label.toInt())
                              : SampleListModel::tr("sample %1").arg(index.data(SampleListModel::SampleRole).toInt()),
              theme.muted, false);
        if (real.isValid())
            write(SampleListModel::tr("float %1").arg(real.toInt()), theme.text, false);
        if (fixed.isValid())
            write(SampleListModel::tr("fixed %1").arg(fixed.toInt()) + (changed ? QStringLiteral(" ≠") : QString()),
                  stale     ? theme.muted
                  : changed ? theme.danger
                            : theme.text,
                  changed && !stale);
        painter->restore();
    }
};

/// A row of samples with all its lines, over the scroll bar.
int heightOfRow(const QListView& list) {
    QStyleOptionViewItem option;
    option.fontMetrics = list.fontMetrics();
    return SampleDelegate().sizeHint(option, {}).height() + 2 * list.frameWidth() +
           list.style()->pixelMetric(QStyle::PM_ScrollBarExtent) +
           std::max(0, list.style()->pixelMetric(QStyle::PM_ScrollView_ScrollBarSpacing));
}

} // namespace

SampleBrowser::SampleBrowser(model::Document& document, QWidget* parent)
    : QWidget(parent), m_document(document), m_model(new SampleListModel(document, this)), m_heading(new QWidget),
      m_list(new QListView), m_summary(new QLabel),
      m_hint(new QLabel(tr("Drop .npy, .npz or image files here to use them as inputs"))) {
    auto* heading = new QLabel(tr("Samples"));
    heading->setObjectName("heading");
    m_summary->setObjectName("muted");
    m_hint->setObjectName("muted");
    m_list->setModel(m_model);
    m_list->setItemDelegate(new SampleDelegate(m_list));
    m_list->setFlow(QListView::LeftToRight);
    m_list->setWrapping(false);
    m_list->setUniformItemSizes(true);
    m_list->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_list->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setSelectionMode(QAbstractItemView::ExtendedSelection);
    copyRowsByKey(m_list);
    m_hint->setToolTip(tr("Open samples… in the File menu does the same"));
    m_list->setMinimumHeight(heightOfRow(*m_list));
    m_list->setAccessibleName(tr("Samples, those that quantization changed first"));
    auto* top = new QHBoxLayout(m_heading);
    top->setContentsMargins(12, 8, 4, 4);
    top->addWidget(heading);
    top->addStretch();
    top->addWidget(m_summary);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(12, 0, 12, 6);
    layout->setSpacing(4);
    layout->addWidget(m_heading);
    layout->addWidget(m_list, 1);
    layout->addWidget(m_hint);
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);
    for (const auto signal : {&model::Document::modelChanged, &model::Document::samplesChanged,
                              &model::Document::resultChanged, &model::Document::formatsChanged})
        connect(&document, signal, this, &SampleBrowser::refresh);
    refresh();
}

void SampleBrowser::refresh() {
    m_hint->setVisible(!m_document.isOpen() || m_document.model()->randomSamples);
    if (!m_document.isOpen()) {
        m_summary->setText(tr("no samples"));
        return;
    }
    QString text = tr("%1 samples").arg(m_document.model()->sampleCount);
    if (m_document.model()->randomSamples)
        text += tr(" of random noise");
    const auto result = m_document.result();
    if (result && !result->predictions.fromFixed.empty()) {
        text += m_model->isStale()            ? QStringLiteral(" · ") + staleText(m_document)
                : m_model->changedCount() > 0 ? tr(" · %1 changed by quantization, first").arg(m_model->changedCount())
                                              : tr(" · none changed by quantization");
    }
    m_summary->setText(text);
}

} // namespace fxp::views
