#include "app/gui/open_dialog.h"
#include "support/window.h"

#include <QComboBox>
#include <QFile>
#include <QLineEdit>
#include <QPushButton>
#include <QTemporaryDir>

using namespace fxp;

/// A model whose file leaves the number of samples open, with no samples beside it.
class TestOpenExamples : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void openSizesAreExamples();

  private:
    QTemporaryDir m_files;
};

void TestOpenExamples::openSizesAreExamples() {
    const QString model = m_files.filePath("net.pt2");
    QVERIFY(QFile::copy(FXP_TEST_DATA "/exports/layout_2.13.pt2", model)); // image: ? × 1 × 6 × 6
    gui::MainWindow window;
    window.show();
    window.openFiles({model});
    gui::OpenDialog* dialog = nullptr;
    QTRY_VERIFY_WITH_TIMEOUT((dialog = window.findChild<gui::OpenDialog*>()) && dialog->isVisible(), 30'000);
    QComboBox* source = nullptr;
    QTRY_VERIFY_WITH_TIMEOUT((source = test::named<QComboBox>(*dialog, "Source of image")), 30'000);
    const auto says = [&](const QString& text) {
        const auto labels = dialog->findChildren<QLabel*>();
        return std::ranges::any_of(labels,
                                   [&](QLabel* label) { return label->isVisible() && label->text().contains(text); });
    };
    QVERIFY(!says("are an example"));
    QTest::keyClick(source, Qt::Key_Home); // to the value, and on to random numbers
    QTest::keyClick(source, Qt::Key_End);
    QCOMPARE(source->currentText(), "Random");
    QTRY_VERIFY(says("The file leaves sizes of “image” open (? × 1 × 6 × 6): 16 × 1 × 6 × 6 are an example"));
    auto* shape = test::named<QLineEdit>(*dialog, "Shape of random image");
    QVERIFY(shape && shape->isVisible());
    QCOMPARE(shape->placeholderText(), "16 × 1 × 6 × 6");
    QVERIFY(shape->toolTip().contains("? × 1 × 6 × 6"));
    auto* open = dialog->findChild<QPushButton*>("primary");
    QVERIFY(open->isEnabled());
    // What the user says is no example.
    QTest::keyClicks(shape, "4x1x6x6");
    QTRY_VERIFY(!says("are an example"));
    QVERIFY(open->isEnabled());
    QTest::mouseClick(open, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(window.document().isOpen(), 60'000);
    QCOMPARE(window.document().model()->sampleCount, std::int64_t{4});
}

QTEST_MAIN(TestOpenExamples)
#include "tst_open_examples.moc"
