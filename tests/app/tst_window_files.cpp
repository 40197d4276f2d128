#include "app/gui/open_dialog.h"
#include "window_files_test.h"

#include <QAction>
#include <QApplication>
#include <QFile>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QSettings>
#include <QStandardPaths>
#include <QTest>
#include <QTimer>

using namespace fxp;
using gui::MainWindow;

/// Recent files, and what is asked and saved when the window is left.
class TestWindowFiles : public WindowFilesTest {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void init() { prepare(); }
    void recentFilesReopenEverything();
    void recentFilesOfBefore();
    void leavingNamesWhatIsLost_data();
    void leavingNamesWhatIsLost();
    void saveSavesWeightsToo();
};

void TestWindowFiles::initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QCoreApplication::setApplicationName("fxp-workbench-files-test");
    QCoreApplication::setOrganizationName({});
}

void TestWindowFiles::recentFilesReopenEverything() {
    {
        const auto window = opened();
        tune(*window);
        window->document().saveQConfig(path("q.json"));
        window->document().saveWeights(path("w.safetensors"));
        QTRY_VERIFY_WITH_TIMEOUT(!window->document().isModified(), 30'000);
        QVERIFY(window->close());
    }
    MainWindow window;
    window.show();
    QMenu* menu = nullptr;
    for (QMenu* each : window.findChildren<QMenu*>()) {
        if (each->title().remove('&') == "Open recent")
            menu = each;
    }
    QVERIFY(menu && menu->toolTipsVisible());
    QCOMPARE(menu->actions().size(), 1);
    QAction* entry = menu->actions().front();
    QVERIFY2(entry->text().contains("inputs.npz, labels.npy, q.json, w.safetensors"), qPrintable(entry->text()));
    QVERIFY(entry->toolTip().contains(path("w.safetensors")));
    entry->trigger();
    auto& document = window.document();
    QVERIFY(ready(window));
    QTRY_VERIFY_WITH_TIMEOUT(document.weights() && !document.isBusy(), 60'000);
    QCOMPARE(document.request().samples, QStringList{path("inputs.npz")});
    QCOMPARE(document.request().labels, path("labels.npy"));
    QCOMPARE(document.request().qconfig, path("q.json"));
    QCOMPARE(document.request().weights, path("w.safetensors"));
    QVERIFY(!document.isModified());
    // Gone: grey, and the tip says so.
    QVERIFY(QFile::rename(path("net.pt"), path("elsewhere.pt")));
    Q_EMIT menu->aboutToShow();
    QVERIFY(!menu->actions().front()->isEnabled());
    QVERIFY(menu->actions().front()->toolTip().contains("no longer there"));
}

void TestWindowFiles::recentFilesOfBefore() {
    QSettings().setValue("recent", QStringList{path("net.pt"), "{\"model\": 7}", "/no/such/model.pt"});
    MainWindow window;
    window.show();
    QList<QAction*> entries;
    for (QMenu* each : window.findChildren<QMenu*>()) {
        if (each->title().remove('&') == "Open recent")
            entries = each->actions();
    }
    QCOMPARE(entries.size(), 2); // one is no request
    QVERIFY(!entries[1]->isEnabled());
    entries[0]->trigger(); // it had no samples then: the dialog has what lies beside the model
    QTRY_VERIFY_WITH_TIMEOUT(window.findChild<gui::OpenDialog*>(), 60'000);
    auto* dialog = window.findChild<gui::OpenDialog*>();
    QTRY_VERIFY_WITH_TIMEOUT(button(dialog, "Open")->isEnabled(), 60'000);
    QTest::keyClick(dialog, Qt::Key_Return);
    QVERIFY(ready(window));
    QCOMPARE(window.document().request().model, path("net.pt"));
    QCOMPARE(window.document().request().samples, QStringList{path("inputs.npz")});
}

void TestWindowFiles::leavingNamesWhatIsLost_data() {
    QTest::addColumn<int>("formats");
    QTest::addColumn<bool>("tuned");
    QTest::addColumn<QString>("named");
    QTest::newRow("one format") << 1 << false << "not saved: the format of 1 tensor.";
    QTest::newRow("formats") << 3 << false << "not saved: formats of 3 tensors.";
    QTest::newRow("weights") << 0 << true << "not saved: fine-tuned weights.";
    QTest::newRow("both") << 2 << true << "not saved: formats of 2 tensors, fine-tuned weights.";
    QTest::newRow("nothing") << 0 << false << "";
}

void TestWindowFiles::leavingNamesWhatIsLost() {
    QFETCH(int, formats);
    QFETCH(bool, tuned);
    QFETCH(QString, named);
    const auto window = opened();
    for (int slot = 0; slot < formats; ++slot)
        window->document().setFormats({{slot, {5, 4, {}, {}}}}, "edit");
    if (tuned)
        tune(*window);
    QCOMPARE(window->windowTitle().contains('*'), !named.isEmpty());
    QString asked;
    for (const int answer : {int(QMessageBox::Cancel), int(QMessageBox::Discard)}) {
        QTimer::singleShot(0, this, [&] {
            if (auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget())) {
                asked = box->text();
                box->button(static_cast<QMessageBox::StandardButton>(answer))->click();
            }
        });
        QCOMPARE(window->close(), answer == QMessageBox::Discard || named.isEmpty());
        QVERIFY2(asked.contains(named), qPrintable(asked));
    }
}

void TestWindowFiles::saveSavesWeightsToo() {
    const auto window = opened();
    window->document().setFormats({{0, {5, 4, {}, {}}}}, "edit");
    tune(*window);
    bool closed = false;
    window->setAttribute(Qt::WA_DeleteOnClose, false);
    answerFileDialogs({path("q.json"), path("w.safetensors")});
    QTimer::singleShot(0, this, [&] {
        if (auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget()))
            box->button(QMessageBox::Save)->click();
    });
    closed = window->close();
    QVERIFY(!closed); // not before the weights are written
    QTRY_VERIFY_WITH_TIMEOUT(!window->isVisible(), 30'000);
    QVERIFY(QFile::exists(path("q.json")) && QFile::exists(path("w.safetensors")));
    QVERIFY(!window->document().isModified());
}

QTEST_MAIN(TestWindowFiles)
#include "tst_window_files.moc"
