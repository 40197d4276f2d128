#include "script.h"
#include "views/inspector/sqnr_table.h"
#include "views/layers/filter_edit.h"
#include "views/layers/layer_tree_view.h"
#include "views/plots/bit_ruler.h"
#include "views/plots/network_plot.h"

#include <QAction>
#include <QComboBox>
#include <QSpinBox>
#include <QTest>
#include <QTreeView>

namespace fxp::test {

using views::BitRuler;

void Script::dragRuler() {
    auto* ruler = find<BitRuler>();
    const QPoint handles[] = {ruler->pointHandle(), ruler->leftHandle(), ruler->rightHandle()};
    QPoint at = handles[random(3)];
    const int column = ruler->cellCentre(0).x() - ruler->cellCentre(1).x();
    step([&] { QTest::mousePress(ruler, Qt::LeftButton, random(4) == 0 ? Qt::ShiftModifier : Qt::NoModifier, at); });
    const int direction = random(2) == 0 ? 1 : -1;
    for (int i = 0; i < 6; ++i) {
        at.rx() += direction * std::max(4, column / 2);
        step([&] { QTest::mouseMove(ruler, at); });
    }
    step([&] { QTest::mouseRelease(ruler, Qt::LeftButton, {}, at); });
}

void Script::addEdits() {
    auto& document = m_window.document();
    const auto clickRow = [this](Qt::KeyboardModifiers modifiers) {
        auto* tree = find<views::LayerTreeView>()->tree();
        const QPoint at(60, random(std::max(1, tree->viewport()->height())));
        step([&] { QTest::mouseClick(tree->viewport(), Qt::LeftButton, modifiers, at); });
    };
    const auto treeKey = [this](Qt::Key key, Qt::KeyboardModifiers modifiers = {}) {
        auto* tree = find<views::LayerTreeView>()->tree();
        step([&] { QTest::keyClick(tree, key, modifiers); });
    };
    add("select by click", 10, [=] { clickRow({}); });
    add("select a range", 3, [=] {
        clickRow({});
        clickRow(Qt::ShiftModifier);
    });
    add("walk down the tree", 6, [=, this] {
        const Qt::Key keys[] = {Qt::Key_Down, Qt::Key_PageDown, Qt::Key_Up, Qt::Key_PageUp};
        const Qt::Key key = keys[random(4)];
        for (int i = 0; i < 5; ++i)
            treeKey(key);
    });
    add("first or last row", 2, [=, this] { treeKey(random(2) == 0 ? Qt::Key_Home : Qt::Key_End); });
    add("select all and move the point", 2, [=, this, &document] {
        treeKey(Qt::Key_A, Qt::ControlModifier);
        step([&] { QTest::keyClick(find<BitRuler>(), random(2) == 0 ? Qt::Key_Left : Qt::Key_Right); });
        treeKey(Qt::Key_Home);
        (void)document;
    });
    add("select all and undo", 1, [=, this] {
        treeKey(Qt::Key_A, Qt::ControlModifier);
        step([&] { QTest::keyClick(find<BitRuler>(), Qt::Key_Left); });
        trigger("Undo");
        trigger("Redo");
    });
    add("copy and paste over many", 2, [=, this] {
        treeKey(Qt::Key_C, Qt::ControlModifier);
        treeKey(Qt::Key_A, Qt::ControlModifier);
        treeKey(Qt::Key_V, Qt::ControlModifier);
        treeKey(Qt::Key_Home);
    });
    add("drag the word", 10, [this] { dragRuler(); });
    add("keys on the word", 10, [this] {
        const Qt::KeyboardModifier modifiers[] = {Qt::NoModifier, Qt::ShiftModifier, Qt::ControlModifier};
        for (int i = 0; i < 4; ++i)
            step([&] {
                QTest::keyClick(find<BitRuler>(), random(2) == 0 ? Qt::Key_Left : Qt::Key_Right, modifiers[random(3)]);
            });
    });
    add("spin boxes", 4, [this] {
        const auto boxes = m_window.findChildren<QSpinBox*>();
        QSpinBox* box = boxes[random(static_cast<int>(boxes.size()))];
        if (box->isVisible() && box->isEnabled())
            step([&] { QTest::keyClick(box, random(2) == 0 ? Qt::Key_Up : Qt::Key_Down); });
    });
    add("rounding and overflow", 3, [this] {
        const auto boxes = m_window.findChildren<QComboBox*>();
        QComboBox* box = boxes[random(static_cast<int>(boxes.size()))];
        if (box->isVisible() && box->isEnabled())
            step([&] { QTest::keyClick(box, random(2) == 0 ? Qt::Key_Up : Qt::Key_Down); });
    });
    add("the table", 5, [this] {
        auto* table = find<views::SqnrTable>();
        const QPoint at(random(std::max(1, table->width())), random(std::max(1, table->height())));
        step([&] { QTest::mouseClick(table, Qt::LeftButton, {}, at); });
    });
    add("undo and redo", 8, [this] {
        const QString which = random(3) == 0 ? "Redo" : "Undo";
        for (int i = random(5); i >= 0; --i)
            trigger(which);
    });
    add("undo all, redo all", 1, [this, &document] {
        step([&] { document.undoStack()->setIndex(0); });
        settle(2000);
        step([&] { document.undoStack()->setIndex(document.undoStack()->count()); });
    });
    add("filter", 5, [this] {
        auto* filter = find<views::LayerTreeView>()->filter();
        const QStringList texts{"overflow > 1 %", "weight", "SQNR < 30 dB", "linear, bits <= 8", "nothing at all", "l"};
        type(filter, texts[random(static_cast<int>(texts.size()))]);
        if (random(2) == 0)
            settle(500);
        step([&] { QTest::keyClick(filter, Qt::Key_Escape); });
    });
    add("click along the network", 4, [this] {
        auto* plot = find<views::NetworkPlot>();
        if (plot->isVisible())
            step([&] { QTest::mouseClick(plot, Qt::LeftButton, {}, QPoint(60 + random(400), plot->height() / 2)); });
        for (int i = 0; i < 4; ++i)
            step([&] { QTest::keyClick(plot, random(2) == 0 ? Qt::Key_Right : Qt::Key_Left); });
    });
    for (const char* preset : {"8 bits, no overflow", "8 bits, min MSE", "High precision"})
        add(QString("calibrate: ") + preset, 1, [=, this] {
            trigger(preset);
            settle(20'000);
        });
    add("live off, edits, run, live on", 2, [this] {
        trigger("Live");
        for (int i = 0; i < 3; ++i)
            step([&] { QTest::keyClick(find<BitRuler>(), random(2) == 0 ? Qt::Key_Left : Qt::Key_Right); });
        trigger("Run");
        settle(1000);
        trigger("Live");
    });
}

} // namespace fxp::test
