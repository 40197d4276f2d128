#include "support/window.h"
#include "views/inspector/sqnr_table.h"
#include "views/plots/bit_plot.h"
#include "views/plots/network_plot.h"
#include "views/samples/sample_browser.h"

#include <QDockWidget>
#include <QListView>
#include <QScrollArea>
#include <QScrollBar>
#include <QSettings>
#include <QTest>
#include <QThread>
#include <QToolButton>

#include <atomic>

using namespace fxp;
using gui::MainWindow;

namespace {

std::atomic<int> syncedHere = 0, syncedBeside = 0; ///< by the window's thread, by others

int count() {
    ++(QThread::currentThread() == QCoreApplication::instance()->thread() ? syncedHere : syncedBeside);
    return 0;
}

} // namespace

// In the place of the C library's.
extern "C" int fsync(int) {
    return count();
}

extern "C" int fdatasync(int) {
    return count();
}

/// Where the panes stand, as the user moves, hides and resets them through menus and title bars.
class TestLayouts : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void init() { QSettings().clear(); }
    void cleanupTestCase() { QSettings().clear(); }
    void eachLayoutIsKeptAsItWasLeft();
    void aResetPutsPanesBack();
    void closedPanesComeBack_data();
    void closedPanesComeBack();
    void theNextStartShowsTheSame();
    void statesOfAnotherVersionChangeNothing();
    void everythingHasRoom_data();
    void everythingHasRoom();
    void samplesAreSeenWhole();
    void settingsAreWrittenBeside();
};

namespace {

std::unique_ptr<MainWindow> shown(QSize size = {1440, 900}) {
    auto window = std::make_unique<MainWindow>();
    window->resize(size);
    window->show();
    return QTest::qWaitForWindowExposed(window.get()) ? std::move(window) : nullptr;
}

QDockWidget* dock(MainWindow& window, const char* name) {
    return window.findChild<QDockWidget*>(name);
}

} // namespace

void TestLayouts::eachLayoutIsKeptAsItWasLeft() {
    const auto window = shown();
    QVERIFY(window);
    for (const char* name : {"tree", "inspector", "samples"})
        QVERIFY2(dock(*window, name)->isVisible(), name);
    test::action(*window, "Compare")->trigger();
    QVERIFY(!dock(*window, "samples")->isVisible());
    QVERIFY(dock(*window, "tree")->isVisible() && dock(*window, "inspector")->isVisible());
    window->addDockWidget(Qt::RightDockWidgetArea, dock(*window, "tree"));
    test::action(*window, "Review")->trigger();
    QVERIFY(!dock(*window, "inspector")->isVisible());
    QVERIFY(dock(*window, "samples")->isVisible());
    test::action(*window, "Explore")->trigger();
    QCOMPARE(window->dockWidgetArea(dock(*window, "tree")), Qt::LeftDockWidgetArea);
    QVERIFY(dock(*window, "inspector")->isVisible() && dock(*window, "samples")->isVisible());
    test::action(*window, "Compare")->trigger();
    QCOMPARE(window->dockWidgetArea(dock(*window, "tree")), Qt::RightDockWidgetArea);
    QVERIFY(test::action(*window, "Compare")->isChecked());
    QVERIFY(!test::action(*window, "Explore")->isChecked());
}

void TestLayouts::aResetPutsPanesBack() {
    const auto window = shown();
    QVERIFY(window);
    const int width = dock(*window, "tree")->width();
    dock(*window, "samples")->setFloating(true);
    window->addDockWidget(Qt::BottomDockWidgetArea, dock(*window, "inspector"));
    dock(*window, "tree")->hide();
    test::action(*window, "Values")->trigger();
    test::action(*window, "Reset this layout")->trigger();
    QVERIFY(!dock(*window, "samples")->isFloating());
    QCOMPARE(window->dockWidgetArea(dock(*window, "samples")), Qt::BottomDockWidgetArea);
    QCOMPARE(window->dockWidgetArea(dock(*window, "inspector")), Qt::RightDockWidgetArea);
    QVERIFY(dock(*window, "tree")->isVisible());
    QTRY_COMPARE(dock(*window, "tree")->width(), width);
    QVERIFY(test::action(*window, "Values")->isChecked());
}

void TestLayouts::closedPanesComeBack_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("entry");
    QTest::newRow("tree") << "tree"
                          << "Layers";
    QTest::newRow("inspector") << "inspector"
                               << "Inspector";
    QTest::newRow("samples") << "samples"
                             << "Samples";
}

void TestLayouts::closedPanesComeBack() {
    QFETCH(QString, name);
    QFETCH(QString, entry);
    const auto window = shown();
    QVERIFY(window);
    QDockWidget* pane = window->findChild<QDockWidget*>(name);
    auto* close = pane->findChild<QToolButton*>("closePane");
    QVERIFY(!close->accessibleName().isEmpty());
    QTest::mouseClick(close, Qt::LeftButton);
    QVERIFY(!pane->isVisible());
    QAction* toggle = pane->toggleViewAction();
    QCOMPARE(toggle->text().remove('&'), entry);
    toggle->trigger();
    QVERIFY(pane->isVisible());
}

void TestLayouts::theNextStartShowsTheSame() {
    {
        const auto window = shown();
        QVERIFY(window);
        test::action(*window, "Review")->trigger();
        test::action(*window, "Along the network")->trigger();
        dock(*window, "tree")->hide();
        QVERIFY(window->close());
    }
    const auto window = shown();
    QVERIFY(window);
    QVERIFY(test::action(*window, "Review")->isChecked());
    QVERIFY(!dock(*window, "tree")->isVisible());
    QVERIFY(!test::action(*window, "Along the network")->isChecked());
    QVERIFY(!window->findChild<views::NetworkPlot*>()->isVisible());
}

void TestLayouts::statesOfAnotherVersionChangeNothing() {
    {
        QSettings settings;
        settings.setValue("layout", "a name from elsewhere");
        settings.setValue("layouts/v1/explore/window", QByteArray("no state"));
        settings.setValue("layouts/v1/explore/hidden", QByteArray("1,2"));
    }
    const auto window = shown();
    QVERIFY(window);
    QVERIFY(test::action(*window, "Explore")->isChecked());
    for (const char* name : {"tree", "inspector", "samples"})
        QVERIFY2(dock(*window, name)->isVisible(), name);
    QVERIFY(window->findChild<views::NetworkPlot*>()->isVisible());
}

void TestLayouts::everythingHasRoom_data() {
    QTest::addColumn<QSize>("size");
    QTest::newRow("1280 × 800") << QSize(1280, 776); // less a title bar
    QTest::newRow("2560 × 1440 at 200 %") << QSize(1280, 696);
    QTest::newRow("1440 × 900") << QSize(1440, 876);
    QTest::newRow("2560 × 1440") << QSize(2560, 1416);
}

void TestLayouts::everythingHasRoom() {
    QFETCH(QSize, size);
    const auto window = shown(size);
    QVERIFY(window);
    window->openDemo();
    QVERIFY(QTest::qWaitFor([&] { return window->document().isOpen(); }, 60'000));
    QVERIFY(test::settled(window->document()));
    QTRY_COMPARE(window->size(), size);
    const auto* bits = window->findChild<views::BitPlot*>();
    QVERIFY2(bits->height() >= 200, qPrintable(QString::number(bits->height())));
    auto* table = window->findChild<views::SqnrTable*>();
    auto* scroll = window->findChild<QScrollArea*>();
    QVERIFY(table && scroll && scroll->isAncestorOf(table));
    scroll->ensureWidgetVisible(table, 0, 0);
    const QRect part(table->mapTo(scroll->viewport(), QPoint()), table->size());
    QVERIFY2(scroll->viewport()->rect().contains(part.bottomRight() - QPoint(0, 1)), // whole in width, down to its end
             qPrintable(QString("%1 … %2 of %3").arg(part.left()).arg(part.right()).arg(scroll->viewport()->width())));
    QVERIFY(part.left() >= 0);
}

/// Each sample with its label and both predictions, above the scroll bar.
void TestLayouts::samplesAreSeenWhole() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    window->resize(1280, 760);
    test::action(*window, "Explore")->trigger();
    const auto* list = window->findChild<views::SampleBrowser*>()->list();
    QTRY_VERIFY(list->horizontalScrollBar()->isVisible());
    QTRY_VERIFY2(list->visualRect(list->model()->index(0, 0)).bottom() <= list->viewport()->height(),
                 qPrintable(QString::number(list->viewport()->height())));
}

void TestLayouts::settingsAreWrittenBeside() {
    const auto window = shown();
    QVERIFY(window);
    QTest::qWait(100); // what the start has changed
    syncedHere = syncedBeside = 0;
    for (const char* name : {"Compare", "Review", "Explore"}) {
        test::action(*window, name)->trigger();
        const int before = syncedBeside;
        QTRY_VERIFY(syncedBeside > before);
        QTest::qWait(50);
    }
    QCOMPARE(int(syncedHere), 0);
}

QTEST_MAIN(TestLayouts)
#include "tst_layouts.moc"
