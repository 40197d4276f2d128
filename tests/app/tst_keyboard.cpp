#include "app/gui/pane_keys.h"
#include "support/window.h"
#include "views/inspector/sqnr_table.h"
#include "views/layers/filter_edit.h"
#include "views/layers/layer_tree_view.h"
#include "views/plots/bit_ruler.h"
#include "views/samples/sample_browser.h"

#include <QAccessible>
#include <QApplication>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QTest>
#include <QTreeView>

using namespace fxp;

/// The window without a mouse.
class TestKeyboard : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void f6GoesFromPaneToPane();
    void theFocusComesBackToItsPlace();
    void theFrameIsSeenAndGoes();
    void hiddenPanesAreLeftOut();
    void tabReachesEveryControl();
    void everyControlHasAName();
    void theWordMovesByKeys();
    void menuByShiftF10();

  private:
    static bool takesTab(const QWidget* widget);
    QString pane() const { return m_window->findChild<gui::PaneKeys*>()->framed(); }

    std::unique_ptr<gui::MainWindow> m_window;
};

void TestKeyboard::initTestCase() {
    test::useOwnSettings();
    m_window = test::demoWindow();
    QVERIFY(m_window && QTest::qWaitForWindowActive(m_window.get()));
}

void TestKeyboard::f6GoesFromPaneToPane() {
    m_window->findChild<QTreeView*>()->setFocus();
    QStringList there, back;
    for (int i = 0; i < 6; ++i) {
        QTest::keyClick(m_window.get(), Qt::Key_F6);
        there << pane();
    }
    QCOMPARE(there, QStringList({"Bits", "Values", "Along the network", "Inspector", "Samples", "Layers"}));
    for (int i = 0; i < 6; ++i) {
        QTest::keyClick(m_window.get(), Qt::Key_F6, Qt::ShiftModifier);
        back << pane();
    }
    QCOMPARE(back, QStringList({"Samples", "Inspector", "Along the network", "Values", "Bits", "Layers"}));
    QVERIFY(m_window->findChild<QTreeView*>()->hasFocus());
}

void TestKeyboard::theFocusComesBackToItsPlace() {
    auto* table = m_window->findChild<views::SqnrTable*>();
    table->setFocus();
    QTest::keyClick(m_window.get(), Qt::Key_F6);
    QVERIFY(!table->hasFocus());
    QTest::keyClick(m_window.get(), Qt::Key_F6, Qt::ShiftModifier);
    QVERIFY(table->hasFocus());
}

void TestKeyboard::theFrameIsSeenAndGoes() {
    auto* tree = m_window->findChild<views::LayerTreeView*>();
    tree->tree()->setFocus();
    QTest::mouseClick(tree->tree()->viewport(), Qt::LeftButton, {}, QPoint(60, 30));
    const QPoint edge(1, tree->height() / 2);
    const auto colour = [&] { return tree->parentWidget()->grab().toImage().pixelColor(edge); };
    const QColor before = colour();
    QVERIFY(pane().isEmpty());
    QTest::keyClick(m_window.get(), Qt::Key_F6);
    QTest::keyClick(m_window.get(), Qt::Key_F6, Qt::ShiftModifier);
    QCOMPARE(pane(), QString("Layers"));
    QVERIFY(colour() != before && colour().blue() > colour().red() + 60);
    m_window->resize(m_window->width() - 40, m_window->height() - 30); // the frame goes along
    QVERIFY(tree->parentWidget()
                ->grab()
                .toImage()
                .pixelColor(tree->width() / 2, tree->parentWidget()->height() - 1)
                .blue() > colour().red() + 60);
    QTest::mouseClick(tree->tree()->viewport(), Qt::LeftButton, {}, QPoint(60, 30));
    QVERIFY(pane().isEmpty());
    QCOMPARE(colour(), before);
}

void TestKeyboard::hiddenPanesAreLeftOut() {
    m_window->findChild<QTreeView*>()->setFocus();
    auto* ruler = m_window->findChild<views::BitRuler*>();
    ruler->parentWidget()->parentWidget()->parentWidget()->hide();
    QTest::keyClick(m_window.get(), Qt::Key_F6);
    QCOMPARE(pane(), QString("Values"));
    ruler->parentWidget()->parentWidget()->parentWidget()->show();
}

bool TestKeyboard::takesTab(const QWidget* widget) {
    return widget->isVisible() && widget->isEnabled() && (widget->focusPolicy() & Qt::TabFocus) &&
           !widget->focusProxy();
}

void TestKeyboard::tabReachesEveryControl() {
    QSet<QWidget*> wanted;
    for (QWidget* widget : m_window->findChildren<QWidget*>()) {
        if (takesTab(widget) && widget->window() == m_window.get())
            wanted.insert(widget);
    }
    QVERIFY(wanted.size() > 20);
    auto* tree = m_window->findChild<views::LayerTreeView*>();
    tree->filter()->setFocus();
    QList<QWidget*> reached;
    for (int i = 0; i < 200; ++i) {
        QWidget* now = QApplication::focusWidget();
        QVERIFY(now);
        if (!reached.isEmpty() && now == reached.front())
            break;
        reached << now;
        QTest::keyClick(now, Qt::Key_Tab);
    }
    for (QWidget* widget : wanted)
        QVERIFY2(reached.contains(widget),
                 qPrintable(widget->metaObject()->className() + (" " + widget->accessibleName()) + " in " +
                            widget->parentWidget()->metaObject()->className() + widget->property("text").toString()));
    // In reading order: pane by pane, from top to bottom in the inspector.
    auto* samples = m_window->findChild<views::SampleBrowser*>()->list();
    auto* table = m_window->findChild<views::SqnrTable*>();
    auto* total = test::named<QWidget>(*m_window, "Total bits");
    auto* overflow = test::named<QWidget>(*m_window, "Overflow");
    auto* ruler = m_window->findChild<views::BitRuler*>();
    const QList<QWidget*> order{tree->tree(), ruler, total, overflow, table};
    for (qsizetype i = 1; i < order.size(); ++i)
        QVERIFY2(reached.indexOf(order[i - 1]) < reached.indexOf(order[i]), qPrintable(QString::number(i)));
    QVERIFY(reached.contains(samples));
}

void TestKeyboard::everyControlHasAName() {
    int count = 0;
    for (QWidget* widget : m_window->findChildren<QWidget*>()) {
        if (!(widget->focusPolicy() & Qt::TabFocus) || widget->focusProxy() || qobject_cast<QMenu*>(widget))
            continue;
        if (widget->window() != m_window.get()) // the list of a combo box is named as the box
            continue;
        QAccessibleInterface* accessible = QAccessible::queryAccessibleInterface(widget);
        QVERIFY(accessible);
        const QString name = accessible->text(QAccessible::Name);
        QVERIFY2(!name.isEmpty(),
                 qPrintable(QString(widget->metaObject()->className()) + " in " +
                            widget->parentWidget()->metaObject()->className() + " " + widget->objectName()));
        ++count;
    }
    QVERIFY(count > 20);
}

void TestKeyboard::theWordMovesByKeys() {
    auto& document = m_window->document();
    m_window->selection().select(document.slotOf("encoder.layers.1.linear1.activation"));
    auto* ruler = m_window->findChild<views::BitRuler*>();
    QTRY_VERIFY(ruler->isVisible());
    ruler->setFocus();
    m_window->findChild<QTreeView*>()->setFocus();
    QTest::keyClick(m_window.get(), Qt::Key_F6); // back to where the focus was there
    const quant::QType before = document.format(m_window->selection().current());
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_Left);
    const quant::QType& after = document.format(m_window->selection().current());
    QCOMPARE(*after.fractionalBits, *before.fractionalBits - 1);
    QCOMPARE(after.totalBits, before.totalBits);
}

void TestKeyboard::menuByShiftF10() {
    const int slot = m_window->selection().current();
    const quant::QType& format = m_window->document().format(slot);
    auto* table = m_window->findChild<views::SqnrTable*>();
    QTRY_VERIFY(!table->cellOf(*format.totalBits, format.integerBits()).isEmpty());
    for (const char* area : {"Layers and tensors", "SQNR by format", "Plot: values", "Bits of the word"}) {
        auto* widget = test::named<QWidget>(*m_window, area);
        QVERIFY2(widget, area);
        m_window->activateWindow(); // a menu that closed leaves no window active offscreen
        QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
        widget->setFocus();
        QTest::keyClick(m_window.get(), Qt::Key_F10, Qt::ShiftModifier);
        auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
        QVERIFY2(menu, area);
        QVERIFY2(menu->actions().size() > 5, area);
        menu->close();
    }
}

QTEST_MAIN(TestKeyboard)
#include "tst_keyboard.moc"
