#include "app/gui/sample_preview_view.h"

#include "app/gui/sample_picture.h"
#include "views/theme.h"

#include <QGridLayout>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QToolButton>

#include <algorithm>
#include <set>

namespace fxp::gui {

namespace {

QString numberText(double value) {
    return QString::number(value, 'g', 3).replace('-', QChar(0x2212));
}

QString rangeText(const std::optional<std::pair<double, double>>& range) {
    return range ? numberText(range->first) + QStringLiteral(" … ") + numberText(range->second) : QStringLiteral("–");
}

QToolButton* arrowButton(const QString& text, const QString& name) {
    auto* button = new QToolButton;
    button->setText(text);
    button->setAutoRaise(true);
    button->setObjectName("step");
    button->setAccessibleName(name);
    button->setToolTip(name);
    button->setFocusPolicy(Qt::NoFocus); // the arrow keys do the same
    return button;
}

} // namespace

SamplePreviewView::SamplePreviewView(QWidget* parent)
    : QWidget(parent), m_heading(new QLabel), m_input(new QLabel),
      m_back(arrowButton("‹", tr("The sample before (←)"))), m_forward(arrowButton("›", tr("The next sample (→)"))),
      m_picture(new SamplePicture), m_figures(new QWidget), m_grid(new QGridLayout(m_figures)),
      m_classesTitle(new QLabel(tr("Samples per class"))), m_classes(new ClassChart) {
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("Preview of the samples"));
    m_heading->setObjectName("heading");
    m_input->setObjectName("muted");
    m_input->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_classesTitle->setObjectName("muted");
    auto* top = new QHBoxLayout;
    top->setSpacing(8);
    top->addWidget(m_heading);
    top->addWidget(m_input, 1);
    top->addWidget(m_back);
    top->addWidget(m_forward);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setVerticalSpacing(7);
    m_grid->setColumnStretch(1, 1);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(4, 4, 4, 4);
    layout->setSpacing(12);
    layout->addLayout(top);
    layout->addWidget(m_picture);
    layout->addWidget(m_figures);
    layout->addWidget(m_classesTitle);
    layout->addWidget(m_classes);
    connect(m_back, &QToolButton::clicked, this, [this] { go(-1); });
    connect(m_forward, &QToolButton::clicked, this, [this] { go(1); });
    refresh();
}

void SamplePreviewView::show(Content content) {
    if (content.array != m_content.array)
        m_sample = 0;
    m_content = std::move(content);
    m_sample = std::clamp<std::int64_t>(m_sample, 0, std::max<std::int64_t>(0, m_content.samples - 1));
    refresh();
}

void SamplePreviewView::go(std::int64_t by) {
    const std::int64_t sample =
        std::clamp<std::int64_t>(m_sample + by, 0, std::max<std::int64_t>(0, m_content.samples - 1));
    if (sample == m_sample)
        return;
    m_sample = sample;
    refresh();
}

void SamplePreviewView::keyPressEvent(QKeyEvent* event) {
    switch (event->key()) {
    case Qt::Key_Left: go(-1); break;
    case Qt::Key_Right: go(1); break;
    case Qt::Key_Home: go(-m_content.samples); break;
    case Qt::Key_End: go(m_content.samples); break;
    default: QWidget::keyPressEvent(event);
    }
}

void SamplePreviewView::paintEvent(QPaintEvent*) {
    if (!hasFocus())
        return;
    QPainter painter(this);
    painter.setPen(views::Theme(palette()).accent);
    painter.drawRoundedRect(rect().adjusted(0, 0, -1, -1), 4, 4);
}

void SamplePreviewView::refresh() {
    while (QLayoutItem* item = m_grid->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    const bool several = m_content.array && m_content.samples > 1;
    m_back->setVisible(several);
    m_forward->setVisible(several);
    m_back->setEnabled(m_sample > 0);
    m_forward->setEnabled(m_sample + 1 < m_content.samples);
    m_heading->setText(m_sample == 0 ? tr("First sample")
                                     : tr("Sample %1 of %2").arg(m_sample + 1).arg(m_content.samples));
    m_input->setText(m_content.input);
    m_classes->show(m_content.labels, m_content.chosenOn);
    m_classes->setVisible(m_content.array && m_classes->hasBars());
    m_classesTitle->setVisible(m_content.array && m_classes->hasBars());
    if (!m_content.array) {
        m_picture->clear();
        return;
    }
    const model::SamplePreview preview =
        model::previewOf(*m_content.array, m_sample, m_content.samples <= 1 && m_content.array->shape.empty());
    m_picture->show(preview);
    int row = 0;
    const auto add = [this, &row](const QString& name, const QString& text) {
        auto *left = new QLabel(name), *right = new QLabel(text);
        left->setObjectName("muted");
        right->setAlignment(Qt::AlignRight);
        right->setTextFormat(Qt::PlainText);
        m_grid->addWidget(left, row, 0);
        m_grid->addWidget(right, row++, 1);
    };
    const auto sample = static_cast<std::size_t>(m_sample);
    if (sample < m_content.labels.size())
        add(tr("Label"), QString::number(m_content.labels[sample]));
    add(tr("Values"), preview.size);
    if (m_classes->hasBars()) {
        add(tr("Range, all samples"), rangeText(m_content.span));
    } else {
        add(tr("Range"), rangeText(preview.range));
        if (m_content.samples > 1)
            add(tr("Range, all samples"), rangeText(m_content.span));
        add(tr("Mean"), preview.range ? numberText(preview.mean) : QStringLiteral("–"));
    }
    if (!m_classes->hasBars() || preview.nan + preview.infinite > 0)
        add(tr("Zeros, NaN, Inf"),
            QStringLiteral("%1, %2, %3").arg(preview.zeros).arg(preview.nan).arg(preview.infinite));
}

} // namespace fxp::gui
