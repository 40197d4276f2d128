#include "app/gui/help_window.h"
#include "app/gui/open_dialog.h"
#include "app/gui/quick_find.h"
#include "script.h"
#include "views/layers/layer_tree_view.h"
#include "views/plots/bit_plot.h"
#include "views/samples/sample_browser.h"

#include <QAction>
#include <QHeaderView>
#include <QListView>
#include <QMenu>
#include <QScrollBar>
#include <QTest>
#include <QTimer>
#include <QTreeView>
#include <QWheelEvent>

namespace fxp::test {

void Script::addWindow() {
    auto& document = m_window.document();
    add("fold and unfold all", 2, [this] {
        auto* tree = find<views::LayerTreeView>()->tree();
        step([&] { tree->collapseAll(); });
        step([&] { tree->expandAll(); });
    });
    add("fold and unfold by keys", 3, [this] {
        auto* tree = find<views::LayerTreeView>()->tree();
        for (const Qt::Key key : {Qt::Key_Left, Qt::Key_Left, Qt::Key_Left, Qt::Key_Asterisk})
            step([&] { QTest::keyClick(tree, key); });
    });
    add("sort", 3, [this] {
        auto* tree = find<views::LayerTreeView>()->tree();
        const auto order = random(2) == 0 ? Qt::AscendingOrder : Qt::DescendingOrder;
        step([&] { tree->sortByColumn(random(tree->header()->count()), order); });
    });
    add("scroll the tree", 3, [this] {
        auto* bar = find<views::LayerTreeView>()->tree()->verticalScrollBar();
        for (int i = 0; i < 5; ++i)
            step([&] { bar->setValue(random(bar->maximum() + 1)); });
    });
    add("context menu", 2, [this] {
        auto* tree = find<views::LayerTreeView>()->tree();
        step([&] { Q_EMIT tree->customContextMenuRequested(QPoint(60, random(tree->viewport()->height()))); });
        if (QWidget* menu = QApplication::activePopupWidget())
            step([&] { menu->close(); });
    });
    add("layouts", 2, [this] {
        const QStringList names{"Explore", "Compare", "Review"};
        trigger(names[random(3)]);
    });
    add("themes", 2, [this] { trigger(random(2) == 0 ? "Dark" : "Light"); });
    add("size of the window", 2, [this] {
        const QSize sizes[] = {{1280, 800}, {1440, 900}, {2560, 1440}};
        step([&] { m_window.resize(sizes[random(3)]); });
    });
    add("quick find", 4, [this] {
        auto* field = find<gui::QuickFind>();
        const QStringList texts{"wei", "layers.1", "bias", "nosuchthing"};
        type(field, texts[random(4)]);
        if (QWidget* popup = QApplication::activePopupWidget())
            step([&] { popup->close(); });
        step([&] { QTest::keyClick(field, random(2) == 0 ? Qt::Key_Return : Qt::Key_Escape); });
        step([&] { field->clear(); });
    });
    add("zoom and pan", 4, [this] {
        auto* plot = find<views::BitPlot>();
        for (int i = 0; i < 4; ++i)
            step([&] {
                const QPointF at(plot->width() / 2.0, plot->height() / 2.0);
                QWheelEvent wheel(at, plot->mapToGlobal(at), {}, {0, random(2) == 0 ? 120 : -120}, Qt::NoButton, {},
                                  Qt::NoScrollPhase, false);
                QApplication::sendEvent(plot, &wheel);
            });
        step([&] { QTest::keyClick(plot, random(2) == 0 ? Qt::Key_0 : Qt::Key_L); });
    });
    add("the list of samples", 3, [this] {
        auto* list = find<views::SampleBrowser>()->list();
        if (!list->isVisible())
            return;
        for (const Qt::Key key : {Qt::Key_End, Qt::Key_Home, Qt::Key_PageDown, Qt::Key_Right})
            step([&] { QTest::keyClick(list, key); });
    });
    add("help", 1, [this] {
        trigger("Manual");
        if (auto* help = m_window.findChild<gui::HelpWindow*>())
            step([&] { help->close(); });
    });
    add("save and load the QConfig", 2, [this, &document] {
        const QString file = m_folder + "/saved.qconfig.json";
        if (!document.isOpen())
            return;
        step([&] { document.saveQConfig(file); });
        step([&] { find<views::LayerTreeView>()->tree()->setFocus(); });
        step([&] { m_window.openFiles({file}); });
    });
    add("the Open dialog, cancelled", 1, [this, &document] {
        step([&] { m_window.askToOpen(document.request()); });
        settle(500);
        if (auto* dialog = find<gui::OpenDialog>())
            step([&] { QTest::keyClick(dialog, Qt::Key_Escape); });
    });
    add("the Calibrate dialog", 1, [this] {
        QTimer::singleShot(30, this, [] {
            if (QWidget* dialog = QApplication::activeModalWidget())
                QTest::keyClick(dialog, Qt::Key_Return);
        });
        trigger("Calibrate…");
        settle(20'000);
    });
    add("fold batch norms", 1, [this] {
        for (const char* text : {"Fold batch norms", "Unfold batch norms"}) {
            for (QAction* action : m_window.findChildren<QAction*>()) {
                if (action->text().remove('&') == text && action->isEnabled()) {
                    step([&] { action->trigger(); });
                    settle(20'000);
                    return;
                }
            }
        }
    });
    add("fine-tune", 1, [this, &document] {
        quant::FinetuneOptions options;
        options.epochs = 1;
        step([&] { document.finetune(options); });
        settle(6000);
    });
    add("other samples", 1, [this, &document] {
        if (document.request().samples.isEmpty())
            return;
        const auto request = document.request();
        step([&] { document.openSamples(request.samples, request.labels); });
        settle(60'000);
    });
    if (m_subjects.size() > 1)
        add("another model", 1, [this] { open(m_subjects[static_cast<std::size_t>(random(int(m_subjects.size())))]); });
    add("open it again", 1, [this] { open(m_subjects.front()); });
    add("plot export", 1, [this] { step([&] { find<views::BitPlot>()->exportTo(m_folder + "/plot.svg"); }); });
}

} // namespace fxp::test
