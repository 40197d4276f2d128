#include "app/gui/drop_overlay.h"
#include "app/gui/open_dialog.h"
#include "quant/io/safetensors.h"
#include "support/window.h"
#include "views/plots/bit_ruler.h"

#include <QDialog>
#include <QDragEnterEvent>
#include <QDragLeaveEvent>
#include <QFile>
#include <QMenu>
#include <QMimeData>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

using namespace fxp;

/// What is shown while something is dragged.
class TestDrop : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void plan_data();
    void plan();
    void weightsOnAnOpenModel_data();
    void weightsOnAnOpenModel();
    void overlayComesAndGoes();
    void theCursorSaysWhatADragDoes();
    void dialogsHaveTheProgramsIcon();

  private:
    QTemporaryDir m_files;
};

void TestDrop::initTestCase() {
    test::useOwnSettings();
    const std::pair<const char*, QByteArray> files[] = {{"net.keras", "\x89HDF\r\n\x1a\n and more"},
                                                        {"notes.txt", "bread, milk"},
                                                        {"a.npz", "PK"},
                                                        {"b.npz", "PK"},
                                                        {"labels.npy", "x"},
                                                        {"q.json", "{}"},
                                                        {"work.fxp", "{}"},
                                                        {"w.safetensors", "x"}};
    for (const auto& [name, bytes] : files) {
        QFile file(m_files.filePath(name));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(bytes);
    }
    quant::NamedArrays arrays;
    arrays.items.emplace_back("no.such.weight", quant::Array::ofFloats({2}, {0.5F, -0.5F}));
    quant::writeSafetensors(m_files.filePath("real.safetensors").toStdString(), arrays);
    QVERIFY(QFile::copy(QString::fromStdString(test::modelFolder()) + "/digits_cnn/state_dict.pth",
                        m_files.filePath("weights.pt")));
    QVERIFY(
        QFile::copy(QString::fromStdString(test::modelFolder()) + "/digits_cnn/traced.pt", m_files.filePath("net.pt")));
}

void TestDrop::plan_data() {
    QTest::addColumn<QStringList>("files");
    QTest::addColumn<bool>("open");
    QTest::addColumn<QString>("what");
    QTest::addColumn<QStringList>("refused"); // a part of each line
    QTest::newRow("model and samples") << QStringList{"a.npz", "net.pt"} << false << "Open model net.pt, samples a.npz"
                                       << QStringList();
    QTest::newRow("all") << QStringList{"net.pt", "a.npz", "b.npz", "labels.npy", "q.json"} << false
                         << "Open model net.pt, 2 files of samples, labels labels.npy, formats q.json" << QStringList();
    QTest::newRow("samples for what is open") << QStringList{"a.npz"} << true << "Use samples a.npz" << QStringList();
    QTest::newRow("samples for nothing") << QStringList{"a.npz"} << false << "" << QStringList{"Open a model first"};
    QTest::newRow("weights for what is open")
        << QStringList{"weights.pt"} << true << "Weights weights.pt: for the open model, or as a model of their own"
        << QStringList();
    QTest::newRow("weights alone") << QStringList{"weights.pt"} << false << "Open model weights.pt" << QStringList();
    QTest::newRow("safetensors for what is open")
        << QStringList{"real.safetensors"} << true
        << "Weights real.safetensors: for the open model, or as a model of their own" << QStringList();
    QTest::newRow("safetensors alone") << QStringList{"real.safetensors"} << false << "Open model real.safetensors"
                                       << QStringList();
    QTest::newRow("session") << QStringList{"work.fxp"} << false << "Open the session work.fxp" << QStringList();
    QTest::newRow("another program's") << QStringList{"net.keras"} << true << "" << QStringList{"net.keras: "};
    QTest::newRow("no model at all") << QStringList{"notes.txt"} << true << ""
                                     << QStringList{"notes.txt: it is neither a model nor samples"};
    QTest::newRow("one of two") << QStringList{"notes.txt", "a.npz"} << true << "Use samples a.npz"
                                << QStringList{"notes.txt"};
}

void TestDrop::plan() {
    QFETCH(QStringList, files);
    QFETCH(bool, open);
    QFETCH(QStringList, refused);
    for (QString& file : files)
        file = m_files.filePath(file);
    const gui::DropPlan plan = gui::planDrop(files, open);
    QTEST(plan.what, "what");
    QCOMPARE(plan.refused.size(), refused.size());
    for (qsizetype i = 0; i < refused.size(); ++i)
        QVERIFY2(plan.refused[i].contains(refused[i]), qPrintable(plan.refused[i]));
}

void TestDrop::weightsOnAnOpenModel_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<Qt::Key>("key"); // of the menu's entry
    QTest::addColumn<bool>("used");
    QTest::addColumn<bool>("asked"); // by the Open dialog
    QTest::newRow("for the open model") << "weights.pt" << Qt::Key_G << true << false;
    QTest::newRow("for itself") << "weights.pt" << Qt::Key_O << false << true;
    QTest::newRow("for nothing") << "weights.pt" << Qt::Key_C << false << false;
    QTest::newRow("Esc") << "weights.pt" << Qt::Key_Escape << false << false;
    QTest::newRow("another model's") << "real.safetensors" << Qt::Key_G << false << false;
}

void TestDrop::weightsOnAnOpenModel() {
    QFETCH(QString, file);
    QFETCH(Qt::Key, key);
    QFETCH(bool, used);
    QFETCH(bool, asked);
    const auto window = test::cnnWindow();
    QVERIFY(window);
    auto& document = window->document();
    const auto model = document.model();
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile(m_files.filePath(file))});
    QDragEnterEvent enter(QPoint(200, 200), Qt::CopyAction, &data, Qt::LeftButton, {});
    QApplication::sendEvent(window.get(), &enter);
    QDropEvent event(QPointF(200, 200), Qt::CopyAction, &data, Qt::LeftButton, {});
    QApplication::sendEvent(window.get(), &event);
    auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
    QVERIFY(menu);
    QVERIFY(document.undoStack()->count() == 0 && !document.isBusy()); // nothing is done before the answer
    QSignalSpy failed(&document, &model::Document::failed);
    QTest::keyClick(menu, key);
    QVERIFY(!QApplication::activePopupWidget());
    QTRY_VERIFY_WITH_TIMEOUT(!document.isBusy(), 30'000);
    QCOMPARE(document.undoStack()->count(), int(used));
    QCOMPARE(document.hasOtherWeights(), used);
    QCOMPARE(failed.count(), file == "real.safetensors" ? 1 : 0);
    const auto* dialog = window->findChild<gui::OpenDialog*>();
    QCOMPARE(dialog && dialog->isVisible(), asked);
    if (asked)
        QCOMPARE(dialog->request().model, m_files.filePath(file));
    QVERIFY(document.model()->identity.name == model->identity.name);
}

void TestDrop::overlayComesAndGoes() {
    gui::MainWindow window;
    window.show();
    auto* overlay = window.findChild<gui::DropOverlay*>();
    QVERIFY(overlay && !overlay->isVisible());
    const auto drag = [&](const QStringList& names) {
        QMimeData data;
        QList<QUrl> urls;
        for (const QString& name : names)
            urls << QUrl::fromLocalFile(m_files.filePath(name));
        data.setUrls(urls);
        QDragEnterEvent event(QPoint(200, 200), Qt::CopyAction, &data, Qt::LeftButton, {});
        QApplication::sendEvent(&window, &event);
    };
    drag({"net.pt", "a.npz"});
    QVERIFY(overlay->isVisible() && overlay->text().contains("Open model net.pt, samples a.npz"));
    QVERIFY(overlay->width() > window.width() - 40);
    QDragLeaveEvent leave;
    QApplication::sendEvent(&window, &leave);
    QVERIFY(!overlay->isVisible());
    drag({"notes.txt"});
    QVERIFY(overlay->isVisible() && overlay->property("refused").toBool());
    QApplication::sendEvent(&window, &leave);
    QMimeData text;
    text.setText("no files");
    QDragEnterEvent event(QPoint(200, 200), Qt::CopyAction, &text, Qt::LeftButton, {});
    QApplication::sendEvent(&window, &event);
    QVERIFY(!overlay->isVisible());
}

void TestDrop::theCursorSaysWhatADragDoes() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto* ruler = window->findChild<views::BitRuler*>();
    QTRY_VERIFY(ruler->isVisible() && ruler->width() > 200);
    const auto over = [&](const QPoint& at) {
        QTest::mouseMove(ruler, at);
        return ruler->cursor().shape();
    };
    const QPoint word = ruler->cellCentre(0);
    QCOMPARE(over(word), Qt::OpenHandCursor);
    QCOMPARE(over(ruler->pointHandle()), Qt::OpenHandCursor);
    QCOMPARE(over(ruler->leftHandle()), Qt::SplitHCursor);
    QCOMPARE(over(ruler->rightHandle()), Qt::SplitHCursor);
    QCOMPARE(over(ruler->rightHandle() + QPoint(40, 0)), Qt::ArrowCursor);
    QTest::mousePress(ruler, Qt::LeftButton, {}, word);
    QCOMPARE(ruler->cursor().shape(), Qt::ClosedHandCursor);
    QTest::mouseRelease(ruler, Qt::LeftButton, {}, word);
    QCOMPARE(ruler->cursor().shape(), Qt::OpenHandCursor);
}

void TestDrop::dialogsHaveTheProgramsIcon() {
    const gui::MainWindow window;
    QVERIFY(!window.windowIcon().isNull());
    const QDialog dialog;
    QVERIFY(!dialog.windowIcon().pixmap(32).isNull());
    for (const char* entry : {"Open model", "Save", "Undo", "Redo", "Run", "Stop"})
        QVERIFY2(!test::action(const_cast<gui::MainWindow&>(window), entry)->icon().isNull(), entry);
}

QTEST_MAIN(TestDrop)
#include "tst_drop.moc"
