#include "app/gui/drop_overlay.h"
#include "support/window.h"
#include "views/plots/bit_ruler.h"

#include <QDialog>
#include <QDragEnterEvent>
#include <QDragLeaveEvent>
#include <QFile>
#include <QMimeData>
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
