#include "app/gui/main_window.h"

#include "app/gui/layouts.h"
#include "app/gui/message_overlay.h"
#include "app/gui/message_strip.h"
#include "app/gui/pane_dock.h"
#include "app/gui/run_strip.h"
#include "views/elided_label.h"
#include "views/inspector/effect_panel.h"
#include "views/inspector/format_panel.h"
#include "views/inspector/sqnr_table.h"
#include "views/layers/layer_tree_view.h"
#include "views/plots/bit_plot.h"
#include "views/plots/network_plot.h"
#include "views/plots/values_plot.h"
#include "views/samples/sample_browser.h"
#include "views/stale_text.h"

#include <QLabel>
#include <QLocale>
#include <QScrollArea>
#include <QSplitter>
#include <QTreeView>
#include <QVBoxLayout>

namespace fxp::gui {

namespace {

QFrame* rule() {
    auto* line = new QFrame;
    line->setObjectName("rule");
    line->setFixedHeight(1);
    return line;
}

QWidget* titled(const QString& title, const QString& note, QWidget* plot) {
    auto* box = new QWidget;
    auto* layout = new QVBoxLayout(box);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* line = new QHBoxLayout;
    line->setContentsMargins(16, 2, 16, 0);
    auto* heading = new QLabel(title);
    heading->setObjectName("heading");
    auto* text = new views::ElidedLabel; // cut off before it widens the window
    text->setFullText(note);
    text->setObjectName("muted");
    line->addWidget(heading);
    line->addSpacing(6);
    line->addWidget(text, 1);
    layout->addLayout(line);
    layout->addWidget(plot, 1);
    return box;
}

} // namespace

void MainWindow::buildPanes() {
    m_tree = new views::LayerTreeView(m_document, m_selection);
    m_bits = new views::BitPlot(m_document, m_selection);
    m_values = new views::ValuesPlot(m_document, m_selection);
    m_network = new views::NetworkPlot(m_document, m_selection);
    m_samples = new views::SampleBrowser(m_document);

    m_title = new views::ElidedLabel;
    m_title->setObjectName("heading");
    m_subtitle = new views::ElidedLabel(Qt::ElideRight);
    m_subtitle->setObjectName("muted");
    const auto showTitle = [this] {
        const int slot = m_selection.current();
        if (slot < 0 || slot >= m_document.slotCount()) {
            m_title->setFullText({});
            m_subtitle->setFullText({});
            return;
        }
        const quant::SlotInfo& info = m_document.slotInfos()[static_cast<std::size_t>(slot)];
        QStringList shape;
        for (const std::int64_t size : info.shape)
            shape << QString::number(size);
        m_title->setFullText(QString::fromStdString(info.path));
        QString text = shape.join(QStringLiteral(" × "));
        if (const auto result = m_document.slotResult(slot))
            text += tr(" · %1 values").arg(QLocale().toString(qlonglong(result->figures.count)));
        const QString samples = views::samplesSoFar(m_document, slot);
        text += info.parameter ? tr(" · parameter") : samples.isEmpty() ? tr(" over all samples") : ' ' + samples;
        const auto count = m_selection.slotList().size();
        if (count > 1)
            text += tr(" · edits apply to %1 tensors").arg(count);
        m_subtitle->setFullText(text + tr(" · light: negative, dark: positive"));
    };
    connect(&m_selection, &views::Selection::changed, this, showTitle);
    connect(&m_document, &model::Document::resultChanged, this, showTitle);

    auto* bits = new QWidget;
    auto* bitsLayout = new QVBoxLayout(bits);
    bitsLayout->setContentsMargins(0, 8, 0, 0);
    bitsLayout->setSpacing(1);
    for (QLabel* label : {m_title, m_subtitle}) {
        label->setContentsMargins(16, 0, 16, 0);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse);
        label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
        bitsLayout->addWidget(label);
    }
    bitsLayout->addWidget(m_bits, 1);
    m_bits->setMinimumHeight(200); // fewer pixels tell columns apart no more
    m_values->setMinimumHeight(56);
    m_network->setMinimumHeight(56);
    auto* plots = new QSplitter(Qt::Vertical);
    plots->setHandleWidth(1);
    plots->setChildrenCollapsible(false);
    plots->addWidget(bits);
    plots->addWidget(
        titled(tr("Values"), tr("float model (line), before its quantizer (dotted), fixed (bars)"), m_values));
    plots->addWidget(
        titled(tr("Along the network"), tr("dB against float, overflow in red; a click selects"), m_network));
    plots->setStretchFactor(0, 1);
    plots->setAutoFillBackground(true);
    plots->setBackgroundRole(QPalette::Base);

    auto* inspector = new QWidget;
    auto* column = new QVBoxLayout(inspector);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    auto* format = new views::FormatPanel(m_document, m_selection);
    column->addWidget(format);
    column->addWidget(rule());
    column->addWidget(new views::EffectPanel(m_document, m_selection));
    column->addWidget(rule());
    column->addWidget(new views::SqnrTable(m_document, m_selection));
    column->addStretch(1);
    auto* scroll = new QScrollArea;
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setWidget(inspector);
    inspector->setAutoFillBackground(true);
    inspector->setBackgroundRole(QPalette::Base);
    scroll->setMinimumWidth(inspector->minimumSizeHint().width() + 16);

    auto* tree = new PaneDock("tree", tr("&Layers"), m_tree, m_tree->heading());
    auto* side = new PaneDock("inspector", tr("&Inspector"), scroll, format->heading());
    auto* samples = new PaneDock("samples", tr("&Samples"), m_samples, m_samples->heading());
    setCentralWidget(plots);
    m_layouts = new Layouts(*this, {tree, side, samples, plots}, m_settings);
    new MessageOverlay(*this, {m_messages, new RunStrip(m_document, m_selection)});
    m_tree->tree()->setFocus();
}

} // namespace fxp::gui
