#include "app/gui/message_strip.h"
#include "app/gui/open_dialog.h"
#include "app/gui/session_files_dialog.h"
#include "window_files_test.h"

#include <QAction>
#include <QApplication>
#include <QDropEvent>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLineEdit>
#include <QListWidget>
#include <QMimeData>
#include <QPushButton>
#include <QSplitter>
#include <QStandardPaths>
#include <QTest>

using namespace fxp;
using gui::MainWindow;

namespace {

QJsonObject readJson(const QString& name) {
    QFile file(name);
    return file.open(QIODevice::ReadOnly) ? QJsonDocument::fromJson(file.readAll()).object() : QJsonObject();
}

} // namespace

/// Sessions: saved, opened again, and what is asked where their files have changed.
class TestWindowSession : public WindowFilesTest {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void init() { prepare(); }
    void sessionComesBack();
    void sessionKeepsWeights();
    void sessionIsReopenedAtStart();
    void changedFilesAreAskedAbout();
    void aModelThatIsGoneIsLocated();
    void brokenSessionKeepsWhatWas_data();
    void brokenSessionKeepsWhatWas();
    void samplesThatAreGoneAreAskedFor();
};

void TestWindowSession::initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QCoreApplication::setApplicationName("fxp-workbench-session-test");
    QCoreApplication::setOrganizationName({});
}

void TestWindowSession::sessionComesBack() {
    QByteArray panes;
    std::vector<int> selected;
    {
        const auto window = opened();
        auto& document = window->document();
        document.setFormats({{document.slotOf("fc.weight"), {7, 5, {}, {}}}}, "edit");
        document.setBatchNormsFolded(true);
        QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("bn1.weight") < 0 && !document.isBusy(), 60'000);
        selected = {document.slotOf("fc.weight"), document.slotOf("fc.bias")};
        window->selection().set(selected, selected[1]);
        auto* splitter = window->findChild<QSplitter*>("all");
        splitter->setSizes({900, 500});
        panes = splitter->saveState();
        QVERIFY(document.isModified());
        answerFileDialogs({path("work.fxp")});
        action(*window, "Save session as…")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(!document.isModified(), 30'000);
        QVERIFY2(window->windowTitle().contains("work.fxp"), qPrintable(window->windowTitle()));
        const QJsonObject json = readJson(path("work.fxp"));
        QCOMPARE(json["open"].toObject()["model"].toString(), QString("net.pt"));
        QCOMPARE(json["open"].toObject()["labels"].toString(), QString("labels.npy"));
        QCOMPARE(json["sha256"].toObject().size(), 3);
        QVERIFY(json["runs"].isArray());
        QVERIFY(window->close());
    }
    MainWindow window;
    window.show();
    QMimeData mime;
    mime.setUrls({QUrl::fromLocalFile(path("work.fxp"))});
    QDragEnterEvent enter(QPoint(50, 50), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window, &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent drop(QPointF(50, 50), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window, &drop);
    auto& document = window.document();
    QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("fc.weight") >= 0 && document.slotOf("bn1.weight") < 0, 60'000);
    QTRY_COMPARE(window.selection().slotList(), selected);
    QCOMPARE(window.selection().current(), selected[1]);
    QVERIFY((document.format(document.slotOf("fc.weight")) == quant::QType{7, 5, {}, {}}));
    QVERIFY(!document.isModified());
    QCOMPARE(document.undoStack()->count(), 0);
    QCOMPARE(document.request().labels, path("labels.npy"));
    QCOMPARE(window.findChild<QSplitter*>("all")->saveState(), panes);
    QVERIFY(window.windowTitle().contains("work.fxp"));
}

void TestWindowSession::sessionKeepsWeights() {
    model::ArraysPointer tuned;
    {
        const auto window = opened();
        auto& document = window->document();
        document.saveQConfig(path("q.json"));
        tune(*window);
        tuned = document.weights();
        QVERIFY(document.unsaved().weights);
        answerFileDialogs({path("tuned.fxp")});
        action(*window, "Save session as…")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(window->windowTitle().contains("tuned.fxp"), 30'000);
        QVERIFY(!document.isModified());
        const QJsonObject json = readJson(path("tuned.fxp"));
        QVERIFY(!json.contains("edits")); // the formats are those of the QConfig
        QCOMPARE(json["open"].toObject()["weights"].toString(), QString("tuned.safetensors"));
        QVERIFY(window->close());
    }
    MainWindow window;
    window.show();
    window.openFiles({path("tuned.fxp")});
    auto& document = window.document();
    QTRY_VERIFY_WITH_TIMEOUT(document.weights() && !document.isBusy(), 60'000);
    for (const auto& [name, array] : tuned->items)
        QVERIFY(document.weights()->find(name)->bytes == array.bytes);
    QVERIFY(!document.isModified());
    QCOMPARE(document.qconfigFile(), path("q.json"));
}

void TestWindowSession::sessionIsReopenedAtStart() {
    {
        const auto window = opened();
        QVERIFY(!action(*window, "Reopen the last session at start")->isChecked());
        answerFileDialogs({path("work.fxp")});
        action(*window, "Save session as…")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(window->windowTitle().contains("work.fxp"), 30'000);
        action(*window, "Reopen the last session at start")->trigger();
        QVERIFY(window->close());
    }
    for (const bool on : {true, false}) {
        MainWindow window;
        window.show();
        window.start({});
        QVERIFY(ready(window));
        QCOMPARE(window.document().request().model == path("net.pt"), on);
        QTRY_COMPARE(window.windowTitle().contains("work.fxp"), on);
        action(window, "Reopen the last session at start")->setChecked(false);
    }
}

void TestWindowSession::changedFilesAreAskedAbout() {
    {
        const auto window = opened();
        window->document().saveQConfig(path("q.json"));
        answerFileDialogs({path("work.fxp")});
        action(*window, "Save session as…")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(window->windowTitle().contains("work.fxp"), 30'000);
    }
    QVERIFY(QFile::remove(path("labels.npy")));
    QFile config(path("q.json"));
    QVERIFY(config.open(QIODevice::Append) && config.write("\n") == 1);
    config.close();
    for (const char* answer : {"Cancel", "Open all the same"}) {
        MainWindow window;
        window.show();
        window.openFiles({path("work.fxp")});
        QTRY_VERIFY_WITH_TIMEOUT(window.findChild<gui::SessionFilesDialog*>(), 30'000);
        auto* dialog = window.findChild<gui::SessionFilesDialog*>();
        auto* list = dialog->findChild<QListWidget*>();
        QCOMPARE(list->count(), 2);
        QCOMPARE(list->item(0)->text(), path("labels.npy") + " is no longer there");
        QCOMPARE(list->item(1)->text(), path("q.json") + " has changed");
        QTest::keyClick(button(dialog, answer), Qt::Key_Space);
        if (answer == QByteArray("Cancel")) {
            QTest::qWait(100);
            QVERIFY(!window.document().isOpen() && !window.document().isBusy());
        } else {
            QVERIFY(ready(window));
            QVERIFY(window.document().request().labels.isEmpty());
            QTRY_COMPARE(window.document().qconfigFile(), path("q.json"));
        }
    }
}

void TestWindowSession::aModelThatIsGoneIsLocated() {
    {
        const auto window = opened();
        answerFileDialogs({path("work.fxp")});
        action(*window, "Save session as…")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(window->windowTitle().contains("work.fxp"), 30'000);
    }
    QVERIFY(QFile::rename(path("net.pt"), path("moved.pt")));
    MainWindow window;
    window.show();
    window.openFiles({path("work.fxp")});
    QTRY_VERIFY_WITH_TIMEOUT(window.findChild<gui::SessionFilesDialog*>(), 30'000);
    auto* dialog = window.findChild<gui::SessionFilesDialog*>();
    QVERIFY(!button(dialog, "Open all the same")->isEnabled());
    answerFileDialogs({path("moved.pt")});
    button(dialog, "Locate…")->click();
    QTRY_VERIFY_WITH_TIMEOUT(dialog->isEnabled() && dialog->findChild<QListWidget*>()->count() == 0, 30'000);
    button(dialog, "Open")->click();
    QVERIFY(ready(window));
    QCOMPARE(window.document().request().model, path("moved.pt"));
}

void TestWindowSession::brokenSessionKeepsWhatWas_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("said");
    QTest::newRow("no JSON") << QByteArray("PK") << "broken.fxp";
    QTest::newRow("another kind") << QByteArray(R"({"format": "fxp-workbench/qconfig"})") << "no session";
    QTest::newRow("no model") << QByteArray(R"({"format": "fxp-workbench/session", "version": 1, "open": {}})")
                              << "/open/model";
    QTest::newRow("there is none") << QByteArray() << "broken.fxp";
}

void TestWindowSession::brokenSessionKeepsWhatWas() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, said);
    const auto window = opened();
    if (!bytes.isEmpty()) {
        QFile file(path("broken.fxp"));
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size());
    }
    window->openFiles({path("broken.fxp")});
    const QString text = window->findChild<gui::MessageStrip*>()->text();
    QVERIFY2(text.contains(said) && text.contains("broken.fxp"), qPrintable(text));
    QVERIFY(!window->document().isBusy());
    QCOMPARE(window->document().request().model, path("net.pt"));
}

/// Without its samples a session cannot be opened: the Open dialog asks, and the edits follow.
void TestWindowSession::samplesThatAreGoneAreAskedFor() {
    {
        const auto window = opened();
        auto& document = window->document();
        document.setFormats({{document.slotOf("fc.weight"), {7, 5, {}, {}}}}, "edit");
        answerFileDialogs({path("work.fxp")});
        action(*window, "Save session as…")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(window->windowTitle().contains("work.fxp"), 60'000);
    }
    QVERIFY(QFile::rename(path("inputs.npz"), path("moved.npz")));
    for (const bool given : {false, true}) {
        MainWindow window;
        window.show();
        window.openFiles({path("work.fxp")});
        QTRY_VERIFY_WITH_TIMEOUT(window.findChild<gui::SessionFilesDialog*>(), 60'000);
        button(window.findChild<gui::SessionFilesDialog*>(), "Open all the same")->click();
        QTRY_VERIFY_WITH_TIMEOUT(window.findChild<gui::OpenDialog*>(), 60'000);
        auto* dialog = window.findChild<gui::OpenDialog*>();
        QTRY_VERIFY_WITH_TIMEOUT(!dialog->findChildren<QLineEdit*>().isEmpty() && dialog->isVisible(), 60'000);
        if (!given) {
            QTest::keyClick(dialog, Qt::Key_Escape);
            QVERIFY(!window.document().isOpen() && !window.windowTitle().contains("work.fxp"));
            continue;
        }
        for (auto* field : dialog->findChildren<QLineEdit*>()) {
            if (field->accessibleName() != "Samples")
                continue;
            QTRY_VERIFY_WITH_TIMEOUT(field->isEnabled(), 60'000);
            field->setFocus();
            field->selectAll();
            QTest::keyClicks(field, path("moved.npz"));
            QTest::keyClick(field, Qt::Key_Return);
        }
        QTRY_VERIFY_WITH_TIMEOUT(button(dialog, "Open")->isEnabled(), 60'000);
        QTest::keyClick(dialog, Qt::Key_Return);
        QVERIFY(ready(window));
        auto& document = window.document();
        QTRY_VERIFY_WITH_TIMEOUT((document.format(document.slotOf("fc.weight")) == quant::QType{7, 5, {}, {}}), 60'000);
        QVERIFY(window.windowTitle().contains("work.fxp"));
    }
}

QTEST_MAIN(TestWindowSession)
#include "tst_window_session.moc"
