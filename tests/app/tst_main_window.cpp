#include "app/gui/message_strip.h"
#include "app/gui/open_dialog.h"
#include "support/golden.h"
#include "support/window.h"

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QDropEvent>
#include <QFile>
#include <QMessageBox>
#include <QMimeData>
#include <QSettings>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>

using namespace fxp;
using gui::MainWindow;

/// The window as its user drives it, offscreen: opening and closing.
class TestMainWindow : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void demoOpens();
    void failedOpenKeepsWhatWas_data();
    void failedOpenKeepsWhatWas();
    void qconfigWaitsForItsOwnModel();
    void foldedQConfigOfAnotherModelAsks();
    void closingWhileBusy_data();
    void closingWhileBusy();
    void dropOpens();
    void closeAsks_data();
    void closeAsks();

  private:
    QTemporaryDir m_files;
};

void TestMainWindow::demoOpens() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    QVERIFY(document.slotCount() > 100);
    QVERIFY(!document.isModified());
    QVERIFY(*document.result()->predictions.accuracyFloat() >= 0.97);
    QVERIFY(window->selection().current() >= 0);
    QVERIFY(window->windowTitle().contains("digits"));
}

void TestMainWindow::failedOpenKeepsWhatWas_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("samples");
    const QString cnn = QString::fromStdString(test::modelFolder()) + "/digits_cnn";
    QTest::newRow("broken model") << m_files.filePath("broken.pt") << cnn + "/inputs.npz";
    QTest::newRow("broken samples") << cnn + "/traced.pt" << m_files.filePath("broken.npz");
    QTest::newRow("samples alone") << "" << m_files.filePath("broken.npz");
    for (const char* name : {"broken.pt", "broken.npz"}) {
        QFile out(m_files.filePath(name));
        QVERIFY(out.open(QIODevice::WriteOnly));
        out.write("PK and nothing more");
    }
}

void TestMainWindow::failedOpenKeepsWhatWas() {
    QFETCH(QString, model);
    QFETCH(QString, samples);
    const auto window = test::demoWindow();
    auto& document = window->document();
    const int slot = window->selection().current();
    document.saveQConfig(m_files.filePath("kept.qconfig.json"));
    document.setFormats({{slot, {9, 5, {}, {}}}}, "edit");
    const QString title = window->windowTitle();
    QVERIFY(title.contains("kept") && title.contains('*'));
    const quant::Formats formats = document.formats();
    const int steps = document.undoStack()->count();
    const QStringList recent = QSettings().value("recent").toStringList();
    QStringList files;
    for (const QString& file : {model, samples}) {
        if (!file.isEmpty())
            files << file;
    }
    // The window asks about the edit before it leaves the model; not when samples come alone.
    QTimer::singleShot(0, this, [] {
        if (auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget()))
            box->button(QMessageBox::Discard)->click();
    });
    window->openFiles(files);
    auto* strip = window->findChild<gui::MessageStrip*>();
    QTRY_VERIFY_WITH_TIMEOUT(strip->text().contains("broken"), 30'000);
    QVERIFY(strip->text().contains("What to do"));
    QCOMPARE(document.model()->identity.name, std::string("digits"));
    QVERIFY(document.formats() == formats);
    QCOMPARE(document.undoStack()->count(), steps);
    QCOMPARE(window->windowTitle(), title);
    QCOMPARE(window->selection().current(), slot);
    QCOMPARE(QSettings().value("recent").toStringList(), recent);
    QVERIFY(test::settled(document)); // the edit's run went on
    QVERIFY(document.slotResult(slot)->format == document.format(slot));
    test::action(*window, "Undo")->trigger();
    QVERIFY(!document.isModified());
}

/// A QConfig named beside a model that does not open is not read for the next model that does.
void TestMainWindow::qconfigWaitsForItsOwnModel() {
    const auto window = test::demoWindow();
    const QString file = m_files.filePath("digits.qconfig.json");
    window->document().saveQConfig(file);
    const QString cnn = QString::fromStdString(test::modelFolder()) + "/digits_cnn";
    window->openFiles({"/no/such/model.pt", cnn + "/inputs.npz", file});
    auto* strip = window->findChild<gui::MessageStrip*>();
    QTRY_VERIFY(strip->text().contains("/no/such/model.pt"));
    window->openFiles({cnn + "/traced.pt", cnn + "/inputs.npz"});
    QTRY_VERIFY_WITH_TIMEOUT(window->document().slotOf("dw.weight") >= 0, 30'000);
    QVERIFY(window->document().qconfigFile().isEmpty());
    QVERIFY2(strip->text().contains("Every tensor is float"), qPrintable(strip->text()));
    QVERIFY(test::settled(window->document()));
}

void TestMainWindow::foldedQConfigOfAnotherModelAsks() {
    const auto window = std::make_unique<MainWindow>();
    window->show();
    auto& document = window->document();
    const QString cnn = QString::fromStdString(test::modelFolder()) + "/digits_cnn";
    window->openFiles({cnn + "/traced.pt", cnn + "/inputs.npz"});
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !document.isBusy(), 30'000);
    document.setBatchNormsFolded(true);
    QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("bn1.weight") < 0, 30'000);
    QByteArray text = document.qconfig();
    text.replace(QByteArray::fromStdString(document.model()->identity.sha256), QByteArray(64, '0'));
    const QString file = m_files.filePath("other.qconfig.json");
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly));
    out.write(text);
    out.close();
    document.undoStack()->undo();
    QVERIFY(test::settled(document));
    const QString title = window->windowTitle();

    window->openFiles({file});
    auto* strip = window->findChild<gui::MessageStrip*>();
    QVERIFY2(strip->text().contains("another model"), qPrintable(strip->text()));
    QVERIFY(!document.isBusy());
    QVERIFY(document.slotOf("bn1.weight") >= 0);
    QVERIFY(document.qconfigFile().isEmpty());
    QCOMPARE(window->windowTitle(), title);
    for (QAbstractButton* button : strip->findChildren<QAbstractButton*>()) {
        if (button->text() == "Take it all the same")
            button->click();
    }
    QTRY_COMPARE_WITH_TIMEOUT(document.qconfigFile(), file, 30'000);
    QVERIFY(document.slotOf("bn1.weight") < 0 && !document.isModified());
    QVERIFY2(window->windowTitle().contains("other.qconfig"), qPrintable(window->windowTitle()));
    QVERIFY(!window->windowTitle().contains('*'));
}

void TestMainWindow::closingWhileBusy_data() {
    QTest::addColumn<QString>("kind");
    for (const char* kind : {"opening", "running", "calibrating", "training", "several"})
        QTest::newRow(kind) << kind;
}

void TestMainWindow::closingWhileBusy() {
    QFETCH(QString, kind);
    auto window = test::demoWindow();
    auto& document = window->document();
    const QString cnn = QString::fromStdString(test::modelFolder()) + "/digits_cnn";
    const bool all = kind == "several";
    quant::FinetuneOptions endless;
    endless.epochs = 1'000'000;
    if (kind == "running" || all)
        document.run();
    if (kind == "training" || all)
        document.finetune(endless);
    if (kind == "calibrating" || all)
        document.calibrate({}, {});
    if (kind == "opening" || all)
        window->openFiles({cnn + "/traced.pt", cnn + "/inputs.npz"});
    QVERIFY(document.isBusy());
    if (kind == "training") // it has begun
        QTRY_VERIFY_WITH_TIMEOUT(test::statusShows(*window, "epoch"), 30'000);
    QVERIFY(window->close());
    window.reset(); // waits for the engine's thread: training would never end by itself
    QCoreApplication::processEvents();
}

void TestMainWindow::dropOpens() {
    const auto window = test::demoWindow();
    QMimeData mime;
    const QString folder = QString::fromStdString(test::modelFolder());
    mime.setUrls({QUrl::fromLocalFile(folder + "/digits_cnn/traced.pt"),
                  QUrl::fromLocalFile(folder + "/digits_cnn/inputs.npz")});
    QDragEnterEvent enter(QPoint(50, 50), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(window.get(), &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent drop(QPointF(50, 50), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(window.get(), &drop);
    auto* dialog = window->findChild<gui::OpenDialog*>();
    QVERIFY(dialog && dialog->isVisible());
    const auto buttons = dialog->findChildren<QAbstractButton*>();
    const auto open = std::ranges::find(buttons, QString("Open"), &QAbstractButton::text);
    QTRY_VERIFY_WITH_TIMEOUT((*open)->isEnabled(), 30'000);
    QTest::keyClick(dialog, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(window->document().slotOf("dw.weight") >= 0, 30'000);
    QCOMPARE(window->document().model()->sampleCount, std::int64_t{397});
    QVERIFY(window->findChild<gui::MessageStrip*>()->text().contains("float"));
}

void TestMainWindow::closeAsks_data() {
    QTest::addColumn<int>("answer");
    QTest::addColumn<bool>("closes");
    QTest::newRow("cancel") << int(QMessageBox::Cancel) << false;
    QTest::newRow("discard") << int(QMessageBox::Discard) << true;
}

void TestMainWindow::closeAsks() {
    QFETCH(int, answer);
    QFETCH(bool, closes);
    const auto window = test::demoWindow();
    window->document().setFormats({{0, {5, 4, {}, {}}}}, "edit");
    bool asked = false;
    QTimer::singleShot(0, this, [&] {
        auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
        asked = box != nullptr;
        if (box)
            box->button(static_cast<QMessageBox::StandardButton>(answer))->click();
    });
    QCOMPARE(window->close(), closes);
    QVERIFY(asked);
}

QTEST_MAIN(TestMainWindow)
#include "tst_main_window.moc"
