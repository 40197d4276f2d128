#include "app/gui/message_strip.h"
#include "app/gui/open_dialog.h"
#include "quant/io/npz.h"
#include "quant/io/safetensors.h"
#include "support/window.h"

#include <QAbstractButton>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>

using namespace fxp;

/// A file of weights and no program in the window: it is shown, given formats and saved, and says why it is not run.
class TestWeightsOnly : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void opensFromTheCommandLine();
    void opensFromTheDialog();
    void takesNoSamples();
    void weightsOfAnOpenModelStayWeights();

  private:
    QString path(const QString& name) const { return m_files.filePath(name); }

    QTemporaryDir m_files;
};

namespace {

QAbstractButton* button(QWidget& root, const QString& text) {
    for (auto* one : root.findChildren<QAbstractButton*>()) {
        if (one->text().remove('&') == text)
            return one;
    }
    return nullptr;
}

} // namespace

void TestWeightsOnly::initTestCase() {
    test::useOwnSettings();
    quant::NamedArrays arrays;
    arrays.items.emplace_back("block.0.weight", quant::Array::ofFloats({2, 2}, {0.75F, -1.5F, 0.3F, 2.6F}));
    arrays.items.emplace_back("block.0.bias", quant::Array::ofFloats({2}, {0.125F, -0.0625F}));
    quant::writeSafetensors(path("net.safetensors").toStdString(), arrays);
}

void TestWeightsOnly::opensFromTheCommandLine() {
    gui::MainWindow window;
    window.show();
    window.openFiles({path("net.safetensors")});
    gui::OpenDialog* dialog = nullptr;
    QTRY_VERIFY_WITH_TIMEOUT((dialog = window.findChild<gui::OpenDialog*>()) && dialog->isVisible(), 30'000);
    QTRY_VERIFY_WITH_TIMEOUT(button(*dialog, "Open")->isEnabled(), 30'000);
    QTest::keyClick(dialog, Qt::Key_Return);
    auto& document = window.document();
    const int weight = [&] {
        const bool isOpen = QTest::qWaitFor([&] { return document.slotOf("block.0.weight") >= 0; }, 30'000);
        return isOpen ? document.slotOf("block.0.weight") : -1;
    }();
    QVERIFY(weight >= 0);
    QVERIFY(document.slotOf("block.0.bias") >= 0);
    QVERIFY(!document.model()->randomSamples);
    const QString said = window.findChild<gui::MessageStrip*>("notice")->text();
    QVERIFY2(said.contains("weights and no program"), qPrintable(said));
    QVERIFY2(!said.contains("random"), qPrintable(said));

    // s1.1 in 3 bits saturates 2.6 to 1.5, and −1.5 lies on the grid.
    document.setFormats({{weight, {3, 1, quant::Rounding::Round, quant::Overflow::Saturate, {}}}}, "edit");
    QVERIFY(QTest::qWaitFor([&] { return !document.isBusy() && !document.isStale(weight); }, 30'000));
    const auto result = document.slotResult(weight);
    QVERIFY(result);
    QCOMPARE(result->figures.count, std::int64_t{4});
    QCOMPARE(result->figures.overflow(), std::int64_t{1});
    document.saveQConfig(path("net.qconfig.json"));
    QVERIFY(QFile::exists(path("net.qconfig.json")));
    QVERIFY(!document.isModified());
    document.calibrate({}, {});
    QVERIFY(QTest::qWaitFor([&] { return !document.isBusy(); }, 30'000));
    QVERIFY(document.format(document.slotOf("block.0.bias")).isComplete());
    document.undoStack()->setClean();
    document.markSaved();
}

void TestWeightsOnly::opensFromTheDialog() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    model::OpenRequest request;
    request.model = path("net.safetensors");
    window->askToOpen(request);
    auto* dialog = window->findChild<gui::OpenDialog*>();
    QTRY_VERIFY_WITH_TIMEOUT(button(*dialog, "Open")->isEnabled(), 30'000);
    QTest::mouseClick(button(*dialog, "Open"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(window->document().slotOf("block.0.weight") >= 0, 30'000);
}

void TestWeightsOnly::takesNoSamples() {
    quant::NamedArrays arrays;
    arrays.items.emplace_back("x", quant::Array::ofFloats({1, 2}, {1, 2}));
    quant::writeNpz(path("x.npz").toStdString(), arrays);
    const auto window = test::demoWindow();
    QVERIFY(window);
    model::OpenRequest request;
    request.model = path("net.safetensors");
    request.samples << path("x.npz");
    window->askToOpen(request);
    auto* dialog = window->findChild<gui::OpenDialog*>();
    QTRY_VERIFY_WITH_TIMEOUT(!dialog->findChildren<QLabel*>("wrong").isEmpty(), 30'000);
    QVERIFY(!button(*dialog, "Open")->isEnabled());
    const auto wrong = dialog->findChildren<QLabel*>("wrong");
    QVERIFY(std::ranges::any_of(wrong, [](QLabel* label) { return label->text().contains("takes no samples"); }));
    QTest::keyClick(dialog, Qt::Key_Escape);
    QVERIFY(window->document().slotOf("block.0.weight") < 0); // the demo goes on
}

void TestWeightsOnly::weightsOfAnOpenModelStayWeights() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    const auto model = window->document().model();
    window->openFiles({path("net.safetensors")});
    auto* strip = window->findChild<gui::MessageStrip*>("error");
    QTRY_VERIFY_WITH_TIMEOUT((strip = window->findChild<gui::MessageStrip*>("error")) && !strip->text().isEmpty(),
                             30'000);
    QVERIFY2(strip->text().contains("block.0"), qPrintable(strip->text()));
    QCOMPARE(window->document().model(), model);
}

QTEST_MAIN(TestWeightsOnly)
#include "tst_weights_only.moc"
