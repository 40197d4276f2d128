#include "model/layer_tree_model.h"
#include "support/context_menu.h"
#include "support/golden.h"
#include "support/opened_document.h"
#include "views/layers/filter_edit.h"
#include "views/layers/layer_tree_view.h"
#include "views/theme.h"

#include <QClipboard>
#include <QHelpEvent>
#include <QLabel>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTest>
#include <QToolTip>
#include <QTreeView>

using namespace fxp;
using views::LayerTreeView;

/// The layer tree as its user drives it: the filter's field, context menus, keys.
class TestLayerTree : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void init();
    void wrongPartsAreUnderlined();
    void theRestStillFilters();
    void tipSaysWhatIsAllowed();
    void emptyTreeSaysHowToClear();
    void escClears();
    void theCurrentRowStaysInSight();
    void keysCopyAndPaste();
    void pasteSaysWhatIsMissing();
    void scalesArePastedWhole();
    void menuCopies_data();
    void menuCopies();
    void menuEdits();
    void menuFolds();
    void menuByKeyIsTheCurrentRows();

  private:
    QLabel* named(const QString& name) const;
    int shown() const;
    int redPixels(int from, int to) const;
    void clickRow(const QString& path, Qt::KeyboardModifiers keys = {});
    QModelIndex row(const QString& path) const;
    int slot(const char* path) const { return m_document->slotOf(path); }
    const quant::QType& format(const char* path) const { return m_document->format(slot(path)); }

    std::unique_ptr<model::Document> m_document;
    std::unique_ptr<views::Selection> m_selection;
    std::unique_ptr<LayerTreeView> m_view;
};

void TestLayerTree::initTestCase() {
    m_document = std::make_unique<model::Document>();
    QVERIFY(test::openAndRun(*m_document, QString::fromStdString(test::modelFolder()) + "/digits_transformer",
                             "traced.pt"));
}

void TestLayerTree::init() {
    m_selection = std::make_unique<views::Selection>();
    m_view = std::make_unique<LayerTreeView>(*m_document, *m_selection);
    m_view->resize(460, 600);
    m_view->show();
    QVERIFY(QTest::qWaitForWindowActive(m_view.get()));
    m_view->filter()->setFocus();
}

QLabel* TestLayerTree::named(const QString& name) const {
    for (QLabel* label : m_view->findChildren<QLabel*>()) {
        if (label->accessibleName() == name)
            return label;
    }
    return nullptr;
}

/// Rows with a tensor.
int TestLayerTree::shown() const {
    int count = 0;
    const auto* tree = m_view->tree();
    for (QModelIndex at = tree->model()->index(0, 0); at.isValid(); at = tree->indexBelow(at))
        count += at.data(model::LayerTreeModel::SlotRole).toInt() >= 0;
    return count;
}

/// Under the letters from … to, as they are painted.
int TestLayerTree::redPixels(int from, int to) const {
    views::FilterEdit* field = m_view->filter();
    const auto at = [&](int letter) { // the first x that belongs to it
        int x = 0;
        while (field->cursorPositionAt(QPoint(x, field->height() / 2)) < letter && x < field->width())
            ++x;
        return x;
    };
    const QImage image = field->grab().toImage();
    int count = 0;
    for (int x = at(from); x < at(to); ++x) {
        for (int y = image.height() / 2; y < image.height() - 2; ++y)
            count += image.pixelColor(x, y).red() - image.pixelColor(x, y).green() > 60;
    }
    return count;
}

void TestLayerTree::wrongPartsAreUnderlined() {
    const QString text = "linear, colour > 3, head";
    QTest::keyClicks(m_view->filter(), text);
    QCOMPARE(m_view->filter()->problems().size(), 1);
    QVERIFY(redPixels(8, 18) > 8);
    QCOMPARE(redPixels(0, 6), 0);
    QCOMPARE(redPixels(20, 24), 0);
    QCOMPARE(m_view->filter()->text(), text); // painting changes nothing
    // Put right, the wave goes.
    m_view->filter()->setSelection(8, 6);
    QTest::keyClicks(m_view->filter(), "zero");
    QVERIFY(m_view->filter()->text().contains("zero > 3"));
    QCOMPARE(redPixels(0, 24), 0);
}

void TestLayerTree::theRestStillFilters() {
    QTest::keyClicks(m_view->filter(), "head");
    const int head = shown();
    QVERIFY(head > 0 && head < m_document->slotCount());
    QTest::keyClicks(m_view->filter(), ", overflow > lots");
    QCOMPARE(shown(), head);
    QLabel* problem = named("What is wrong with the filter");
    QTRY_VERIFY(problem->isVisible() && problem->text().contains("overflow > 1 %"));
    m_view->filter()->setText("head or stem");
    QVERIFY(!problem->isVisible());
    QVERIFY(shown() > head);
}

void TestLayerTree::tipSaysWhatIsAllowed() {
    QTest::keyClicks(m_view->filter(), "linear, colour > 3");
    auto* field = m_view->filter();
    const auto tip = [&](int letter) {
        int x = 0;
        while (field->cursorPositionAt(QPoint(x, field->height() / 2)) < letter)
            ++x;
        const QPoint at(x, field->height() / 2);
        QHelpEvent event(QEvent::ToolTip, at, field->mapToGlobal(at));
        QApplication::sendEvent(field, &event);
        return QToolTip::text();
    };
    QVERIFY(tip(12).contains("“colour” is no figure. There are bits, overflow"));
    QVERIFY(tip(2).contains("vs float")); // the whole language
}

void TestLayerTree::emptyTreeSaysHowToClear() {
    QLabel* none = named("No tensor matches");
    QVERIFY(none && !none->isVisible());
    const int all = shown();
    QTest::keyClicks(m_view->filter(), "no such thing");
    QCOMPARE(shown(), 0);
    QVERIFY(none->isVisible() && none->text().contains("Esc"));
    QVERIFY(none->width() > 200 && m_view->tree()->viewport()->rect().contains(none->geometry()));
    Q_EMIT none->linkActivated("clear");
    QVERIFY(!none->isVisible());
    QVERIFY(shown() >= all);
    QVERIFY(m_view->filter()->hasFocus());
}

void TestLayerTree::escClears() {
    QTest::keyClicks(m_view->filter(), "no such thing");
    QTest::keyClick(m_view->filter(), Qt::Key_Escape);
    QVERIFY(m_view->filter()->text().isEmpty());
    QVERIFY(shown() > 10);
}

void TestLayerTree::theCurrentRowStaysInSight() {
    auto* tree = m_view->tree();
    clickRow("encoder.layers.0.linear1.weight", {});
    const auto sees = [&] {
        return tree->viewport()->rect().contains(tree->visualRect(tree->currentIndex()).center());
    };
    // To the last row that fits.
    while (sees())
        tree->verticalScrollBar()->setValue(tree->verticalScrollBar()->value() - 1);
    tree->verticalScrollBar()->setValue(tree->verticalScrollBar()->value() + 2);
    QVERIFY(sees());
    m_view->resize(460, 350);
    QTRY_VERIFY(sees());
    // What was out of sight stays there: the user looks at something else.
    tree->verticalScrollBar()->setValue(0);
    QVERIFY(!sees());
    m_view->resize(460, 300);
    QTest::qWait(0);
    QCOMPARE(tree->verticalScrollBar()->value(), 0);
}

QModelIndex TestLayerTree::row(const QString& path) const {
    auto* tree = m_view->tree();
    tree->expandAll();
    for (QModelIndex at = tree->model()->index(0, 0); at.isValid(); at = tree->indexBelow(at)) {
        if (at.data(model::LayerTreeModel::PathRole).toString() == path)
            return at;
    }
    return {};
}

void TestLayerTree::clickRow(const QString& path, Qt::KeyboardModifiers keys) {
    const QModelIndex index = row(path);
    QVERIFY2(index.isValid(), qPrintable(path));
    m_view->tree()->scrollTo(index);
    QTest::mouseClick(m_view->tree()->viewport(), Qt::LeftButton, keys, m_view->tree()->visualRect(index).center());
}

void TestLayerTree::keysCopyAndPaste() {
    m_document->setFormats({{slot("head.input"), {6, 4, quant::Rounding::Floor, quant::Overflow::Wrap}},
                            {slot("stem.0.input"), {}},
                            {slot("norm.input"), {9, 3, {}, {}}}},
                           "before");
    auto* tree = m_view->tree();
    clickRow("head.input");
    tree->setFocus();
    QTest::keyClick(tree, Qt::Key_C, Qt::ControlModifier);
    QCOMPARE(QGuiApplication::clipboard()->text(), QString("ap_fixed<6,2,AP_TRN,AP_WRAP>"));
    clickRow("stem.0.input");
    clickRow("norm.input", Qt::ControlModifier);
    const int steps = m_document->undoStack()->index();
    QTest::keyClick(tree, Qt::Key_V, Qt::ControlModifier);
    for (const char* path : {"stem.0.input", "norm.input"})
        QCOMPARE(format(path), (quant::QType{6, 4, quant::Rounding::Floor, quant::Overflow::Wrap}));
    QCOMPARE(m_document->undoStack()->index(), steps + 1);
    m_document->undoStack()->undo();
    QVERIFY(format("stem.0.input").isFloat());
    QCOMPARE(*format("norm.input").totalBits, 9);
    // A text from elsewhere; rounding and overflow, which it does not name, stay.
    QGuiApplication::clipboard()->setText("  s2.5 ");
    clickRow("head.input");
    QTest::keyClick(tree, Qt::Key_V, Qt::ControlModifier);
    QCOMPARE(format("head.input"), (quant::QType{8, 5, quant::Rounding::Floor, quant::Overflow::Wrap}));
    QGuiApplication::clipboard()->setText("s1.4 CEIL_SATURATE");
    QTest::keyClick(tree, Qt::Key_V, Qt::ControlModifier);
    QCOMPARE(format("head.input"), (quant::QType{6, 4, quant::Rounding::Ceil, quant::Overflow::Saturate}));
}

void TestLayerTree::pasteSaysWhatIsMissing() {
    clickRow("head.input");
    const quant::Formats before = m_document->formats();
    QGuiApplication::clipboard()->setText("a shopping list");
    QSignalSpy failed(m_document.get(), &model::Document::failed);
    m_view->tree()->setFocus();
    QTest::keyClick(m_view->tree(), Qt::Key_V, Qt::ControlModifier);
    QCOMPARE(failed.count(), 1);
    QVERIFY(failed[0][1].toString().contains("no format") && failed[0][2].toString().contains("s1.4"));
    QVERIFY(m_document->formats() == before);
}

void TestLayerTree::scalesArePastedWhole() {
    const quant::QType scaled{8, std::nullopt, {}, {}, quant::Affine{{0.1234567890123}, {-3}, -1}};
    m_document->setFormats({{slot("head.input"), scaled}}, "scale");
    clickRow("head.input");
    m_view->tree()->setFocus();
    QTest::keyClick(m_view->tree(), Qt::Key_C, Qt::ControlModifier);
    clickRow("norm.input");
    QTest::keyClick(m_view->tree(), Qt::Key_V, Qt::ControlModifier);
    QCOMPARE(format("norm.input"), scaled);
}

void TestLayerTree::menuCopies_data() {
    QTest::addColumn<QString>("entry");
    QTest::addColumn<QString>("text");
    QTest::newRow("format") << "Copy format"
                            << "ap_fixed<6,2,AP_RND_CONV,AP_SAT>";
    QTest::newRow("C") << "C type"
                       << "typedef int8_t head_input_t;\nenum { head_input_total_bits = 6, "
                          "head_input_fraction_bits = 4 };\n";
    QTest::newRow("ap_fixed") << "ap_fixed"
                              << "ap_fixed<6,2,AP_RND_CONV,AP_SAT>";
    QTest::newRow("ac_fixed") << "ac_fixed"
                              << "ac_fixed<6,2,true,AC_RND_CONV,AC_SAT>";
    QTest::newRow("MATLAB") << "MATLAB fi"
                            << "fi(1,6,4)";
    QTest::newRow("numpy") << "numpy"
                           << "np.float32(np.clip(np.rint(np.float64(x) * 2.0**4), -32, 31) * 2.0**-4)";
    QTest::newRow("path") << "Copy path"
                          << "head.input";
    QTest::newRow("rows") << "Copy rows as text"
                          << "input\ts1.4  6\t*";
}

void TestLayerTree::menuCopies() {
    QFETCH(QString, entry);
    QFETCH(QString, text);
    m_document->setFormats({{slot("head.input"), {6, 4, {}, {}}}}, "six bits");
    clickRow("head.input");
    const QPoint at = m_view->tree()->visualRect(row("head.input")).center();
    QMenu* menu = test::contextMenu(m_view->tree()->viewport(), QContextMenuEvent::Mouse, at);
    QVERIFY(menu);
    QVERIFY(test::choose(menu, entry));
    const QString found = QGuiApplication::clipboard()->text();
    if (text.endsWith('*'))
        QVERIFY2(found.startsWith(text.chopped(1)), qPrintable(found));
    else if (entry != "MATLAB fi")
        QCOMPARE(found, text);
    else
        QVERIFY2(found.startsWith("fi(1,6,4") || found.contains("1,6,4"), qPrintable(found));
}

void TestLayerTree::menuEdits() {
    m_document->setFormats({{slot("head.input"), {6, 4, {}, {}}}, {slot("norm.input"), {9, 3, {}, {}}}}, "before");
    QVERIFY(test::settled(*m_document));
    clickRow("head.input");
    clickRow("norm.input", Qt::ControlModifier);
    const auto menu = [&] {
        return test::contextMenu(m_view->tree()->viewport(), QContextMenuEvent::Mouse,
                                 m_view->tree()->visualRect(row("norm.input")).center());
    };
    QVERIFY(test::choose(menu(), "No overflow"));
    QVERIFY(test::settled(*m_document));
    QCOMPARE(*format("head.input").totalBits, 6); // bits stay, the point moves
    QCOMPARE(*format("norm.input").totalBits, 9);
    QCOMPARE(m_document->slotResult(slot("norm.input"))->figures.overflow(), 0);
    const int steps = m_document->undoStack()->index();
    QVERIFY(test::choose(menu(), "Reset to float"));
    QVERIFY(format("head.input").isFloat() && format("norm.input").isFloat());
    QCOMPARE(m_document->undoStack()->index(), steps + 1);
}

void TestLayerTree::menuFolds() {
    auto* tree = m_view->tree();
    const QModelIndex branch = row("encoder.layers");
    QVERIFY(branch.isValid());
    clickRow("encoder.layers");
    const auto menu = [&] {
        return test::contextMenu(tree->viewport(), QContextMenuEvent::Mouse, tree->visualRect(branch).center());
    };
    const auto unfolded = [&] {
        int count = 0;
        const QModelIndex after = branch.siblingAtRow(branch.row() + 1);
        for (QModelIndex at = tree->indexBelow(branch); at.isValid() && at != after; at = tree->indexBelow(at))
            ++count;
        return count;
    };
    const int all = unfolded();
    QVERIFY(all > 50);
    QVERIFY(test::choose(menu(), "Collapse all below"));
    QCOMPARE(unfolded(), 0);
    tree->expand(branch); // one level: those inside were folded too
    QCOMPARE(unfolded(), tree->model()->rowCount(branch));
    QVERIFY(test::choose(menu(), "Expand all below"));
    QCOMPARE(unfolded(), all);
}

/// Shift+F10 and the Menu key send this event, at no place of the pointer's.
void TestLayerTree::menuByKeyIsTheCurrentRows() {
    m_document->setFormats({{slot("norm.input"), {9, 3, {}, {}}}}, "nine bits");
    clickRow("norm.input");
    QMenu* menu = test::contextMenu(m_view->tree(), QContextMenuEvent::Keyboard, QPoint(5, 5));
    QVERIFY(menu);
    QVERIFY(test::entry(menu, "Copy path"));
    // By letters alone: the menus' mnemonics.
    QTest::keyClick(menu, Qt::Key_H);
    QCOMPARE(QGuiApplication::clipboard()->text(), QString("norm.input"));
}

QTEST_MAIN(TestLayerTree)
#include "tst_layer_tree.moc"
