#include "app/gui/main_window.h"
#include "app/gui/message_strip.h"
#include "app/gui/session_files_dialog.h"
#include "support/golden.h"
#include "support/opened_document.h"

#include <QAction>
#include <QApplication>
#include <QDropEvent>
#include <QFile>
#include <QFileDialog>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QPushButton>
#include <QSettings>
#include <QSplitter>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>

#include <memory>

using namespace fxp;
using gui::MainWindow;

/// Sessions, recent files, and what is asked and saved when the window is left.
class TestWindowFiles : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void init();
    void sessionComesBack();
    void sessionKeepsWeights();
    void sessionIsReopenedAtStart();
    void changedFilesAreAskedAbout();
    void aModelThatIsGoneIsLocated();
    void brokenSessionKeepsWhatWas_data();
    void brokenSessionKeepsWhatWas();
    void recentFilesReopenEverything();
    void recentFilesOfBefore();
    void leavingNamesWhatIsLost_data();
    void leavingNamesWhatIsLost();
    void saveSavesWeightsToo();

  private:
    std::unique_ptr<MainWindow> opened(const QStringList& names = {"net.pt", "inputs.npz", "labels.npy"});
    static bool ready(MainWindow& window);
    static QAction* action(MainWindow& window, const QString& text);
    static QPushButton* button(QWidget* parent, const QString& text);
    /// Gives the next file dialogs these names, one after the other.
    void answerFileDialogs(const QStringList& files);
    static void tune(MainWindow& window);
    QString path(const QString& name) const { return m_folder->filePath(name); }
    QJsonObject readJson(const QString& file) const;

    std::unique_ptr<QTemporaryDir> m_folder;
};

void TestWindowFiles::initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QCoreApplication::setApplicationName("fxp-workbench-files-test");
    QCoreApplication::setOrganizationName({});
}

void TestWindowFiles::init() {
    QSettings().clear();
    m_folder = std::make_unique<QTemporaryDir>();
    const QString cnn = QString::fromStdString(test::modelFolder()) + "/digits_cnn/";
    QVERIFY(QFile::copy(cnn + "traced.pt", path("net.pt")));
    for (const char* name : {"inputs.npz", "labels.npy"})
        QVERIFY(QFile::copy(cnn + name, path(name)));
}

bool TestWindowFiles::ready(MainWindow& window) {
    return QTest::qWaitFor([&] { return window.document().isOpen(); }, 60'000) && test::settled(window.document());
}

std::unique_ptr<MainWindow> TestWindowFiles::opened(const QStringList& names) {
    auto window = std::make_unique<MainWindow>();
    window->show();
    QStringList files;
    for (const QString& name : names) {
        if (name != "labels.npy")
            files << path(name);
    }
    window->openFiles(files, names.contains("labels.npy") ? path("labels.npy") : QString());
    if (!ready(*window))
        qFatal("the model does not open");
    return window;
}

QAction* TestWindowFiles::action(MainWindow& window, const QString& text) {
    for (QAction* action : window.findChildren<QAction*>()) {
        if (action->text().remove('&') == text)
            return action;
    }
    qFatal("no action %s", qPrintable(text));
}

QPushButton* TestWindowFiles::button(QWidget* parent, const QString& text) {
    for (QPushButton* button : parent->findChildren<QPushButton*>()) {
        if (button->text().remove('&') == text)
            return button;
    }
    qFatal("no button %s", qPrintable(text));
}

void TestWindowFiles::answerFileDialogs(const QStringList& files) {
    if (files.isEmpty())
        return;
    auto* timer = new QTimer(this);
    connect(timer, &QTimer::timeout, this, [this, timer, files] {
        auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
        if (!dialog)
            return;
        timer->deleteLater();
        timer->stop();
        answerFileDialogs(files.mid(1));
        dialog->findChild<QLineEdit*>("fileNameEdit")->setText(files.front());
        QMetaObject::invokeMethod(dialog, "accept");
    });
    timer->start(20);
}

void TestWindowFiles::tune(MainWindow& window) {
    quant::FinetuneOptions options;
    options.epochs = 1;
    window.document().finetune(options);
    QTRY_VERIFY_WITH_TIMEOUT(window.document().weights() && !window.document().isBusy(), 60'000);
}

QJsonObject TestWindowFiles::readJson(const QString& name) const {
    QFile file(name);
    return file.open(QIODevice::ReadOnly) ? QJsonDocument::fromJson(file.readAll()).object() : QJsonObject();
}

void TestWindowFiles::sessionComesBack() {
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

void TestWindowFiles::sessionKeepsWeights() {
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

void TestWindowFiles::sessionIsReopenedAtStart() {
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

void TestWindowFiles::changedFilesAreAskedAbout() {
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

void TestWindowFiles::aModelThatIsGoneIsLocated() {
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

void TestWindowFiles::brokenSessionKeepsWhatWas_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("said");
    QTest::newRow("no JSON") << QByteArray("PK") << "broken.fxp";
    QTest::newRow("another kind") << QByteArray(R"({"format": "fxp-workbench/qconfig"})") << "no session";
    QTest::newRow("no model") << QByteArray(R"({"format": "fxp-workbench/session", "version": 1, "open": {}})")
                              << "/open/model";
    QTest::newRow("there is none") << QByteArray() << "broken.fxp";
}

void TestWindowFiles::brokenSessionKeepsWhatWas() {
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
    entries[0]->trigger();
    QVERIFY(ready(window));
    QCOMPARE(window.document().request().model, path("net.pt"));
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
