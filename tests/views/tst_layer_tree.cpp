#include "model/layer_tree_model.h"
#include "support/golden.h"
#include "support/opened_document.h"
#include "views/layers/filter_edit.h"
#include "views/layers/layer_tree_view.h"
#include "views/theme.h"

#include <QHelpEvent>
#include <QLabel>
#include <QTest>
#include <QToolTip>
#include <QTreeView>

using namespace fxp;
using views::LayerTreeView;

/// The layer tree as its user drives it: the filter's field.
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

  private:
    QLabel* named(const QString& name) const;
    int shown() const;
    int redPixels(int from, int to) const;

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

QTEST_MAIN(TestLayerTree)
#include "tst_layer_tree.moc"
