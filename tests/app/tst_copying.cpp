#include "support/dialogs.h"
#include "support/window.h"

#include <QApplication>
#include <QClipboard>
#include <QListView>
#include <QListWidget>
#include <QTemporaryDir>

using namespace fxp;

/// Ctrl+C in lists copies the selected rows, as they are read.
class TestCopying : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void init() { QApplication::clipboard()->clear(); }
    void samples();
    void dialogs_data();
    void dialogs();

  private:
    QTemporaryDir m_files;
};

void TestCopying::samples() {
    const auto window = test::modelWindow("digits_cnn", true);
    QVERIFY(window);
    auto* list = test::named<QListView>(*window, "Samples, those that quantization changed first");
    QVERIFY(list);
    list->setFocus();
    list->setCurrentIndex(list->model()->index(0, 0));
    QTest::keyClick(list, Qt::Key_Right, Qt::ShiftModifier);
    QTest::keyClick(list, Qt::Key_C, Qt::ControlModifier);
    // All formats are float, so that no sample is changed and they stand in their order.
    const auto& predictions = window->document().result()->predictions;
    const auto& labels = window->document().model()->samples->labels;
    QStringList expected;
    for (std::size_t i = 0; i < 2; ++i)
        expected << QString("sample %1, label %2, float %3, fixed %4")
                        .arg(i)
                        .arg(labels[i])
                        .arg(predictions.fromFloat[i])
                        .arg(predictions.fromFixed[i]);
    QCOMPARE(QApplication::clipboard()->text(), expected.join('\n'));
}

void TestCopying::dialogs_data() {
    QTest::addColumn<QString>("part");
    QTest::newRow("session files") << "model.pt is no longer there";
    QTest::newRow("recovery") << "digits · last edit";
}

void TestCopying::dialogs() {
    QFETCH(QString, part);
    const auto dialog = test::dialog(QTest::currentDataTag(), m_files.path());
    dialog->show();
    auto* list = dialog->findChild<QListWidget*>();
    QVERIFY(list);
    list->setFocus();
    QTest::keyClick(list, Qt::Key_C, Qt::ControlModifier);
    const QString copied = QApplication::clipboard()->text();
    QVERIFY2(copied.contains(part) && !copied.contains('\n'), qPrintable(copied));
}

QTEST_MAIN(TestCopying)
#include "tst_copying.moc"
