#include "app/gui/main_window.h"
#include "app/gui/message_strip.h"
#include "app/gui/open_dialog.h"
#include "app/gui/sample_preview_view.h"
#include "app/gui/split_slider.h"
#include "quant/io/npz.h"
#include "support/golden.h"
#include "support/opened_document.h"

#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDropEvent>
#include <QElapsedTimer>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QMimeData>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <algorithm>

using namespace fxp;
using gui::MainWindow;
using gui::OpenDialog;

/// The Open dialog as its user drives it, offscreen: keys, mouse and drops.
class TestOpenDialog : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();
    void emptyAsksForAModel();
    void missingNumberIsAskedFor();
    void readyFromFilesBeside();
    void randomNeedsAShape();
    void defaultsAreKept();
    void dropOfThreeFiles();
    void samplesForTheOpenModelKeepItsEdits();
    void commandLineOpensOrAsks_data();
    void commandLineOpensOrAsks();
    void wrongLabelCount();
    void whatCannotBeOpenedIsSaid_data();
    void whatCannotBeOpenedIsSaid();
    void failedOpenLeavesTheOldDocument();
    void escapeAtEveryStage_data();
    void escapeAtEveryStage();
    void closingWhileItOpens();
    void splitByKeyAndMouse();
    void arrowsShowTheNextSample();
    void whatTakesTheEditsAsks_data();
    void whatTakesTheEditsAsks();

  private:
    QString folder(const QString& network) const { return QString::fromStdString(test::modelFolder()) + "/" + network; }
    /// A copy with nothing beside it.
    QString alone(const QString& file);
    /// A model that takes long, with its samples: many operators over many values.
    QStringList slowModel();
    void ask(const QString& model);
    void drop(const QStringList& files);
    bool openDemo();
    QString message() const;
    QPushButton* button(const QString& text) const;
    QLineEdit* field(const QString& name) const;
    bool isReady() const { return button("Open")->isEnabled(); }
    QString notes() const;

    std::unique_ptr<MainWindow> m_window;
    OpenDialog* m_dialog = nullptr;
    std::unique_ptr<QTemporaryDir> m_files;
};

void TestOpenDialog::initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QCoreApplication::setApplicationName("fxp-workbench-test-open");
    QCoreApplication::setOrganizationName({});
}

void TestOpenDialog::init() {
    m_files = std::make_unique<QTemporaryDir>();
    m_window = std::make_unique<MainWindow>();
    m_window->show();
    m_window->askToOpen({});
    m_dialog = m_window->findChild<OpenDialog*>();
    QVERIFY(m_dialog && m_dialog->isVisible());
    QVERIFY(QTest::qWaitForWindowActive(m_dialog));
}

void TestOpenDialog::cleanup() {
    m_window.reset();
    m_files.reset();
}

QString TestOpenDialog::alone(const QString& file) {
    const QString copy = m_files->filePath("alone_" + QFileInfo(file).fileName());
    return QFile::exists(copy) || QFile::copy(file, copy) ? copy : QString();
}

QStringList TestOpenDialog::slowModel() {
    torch::jit::Module network("__torch__.Slow");
    network.define("def forward(self, x):\n"
                   "    for i in range(3000):\n"
                   "        x = torch.cos(x)\n"
                   "    return x\n");
    const QString model = m_files->filePath("slow.pt"), samples = m_files->filePath("slow.npz");
    network.save(model.toStdString());
    quant::NamedArrays arrays;
    arrays.items.emplace_back("x", quant::Array::ofFloats({4, 100'000}, std::vector<float>(400'000, 0.5F)));
    quant::writeNpz(samples.toStdString(), arrays);
    return {model, samples};
}

void TestOpenDialog::ask(const QString& model) {
    model::OpenRequest request;
    request.model = model;
    request.heldOut = 0.5;
    m_window->askToOpen(request);
}

void TestOpenDialog::drop(const QStringList& files) {
    QMimeData mime;
    QList<QUrl> urls;
    for (const QString& file : files)
        urls << QUrl::fromLocalFile(file);
    mime.setUrls(urls);
    QWidget* target = m_dialog->isVisible() ? static_cast<QWidget*>(m_dialog) : m_window.get();
    QDragEnterEvent enter(QPoint(50, 50), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(target, &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent event(QPointF(50, 50), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(target, &event);
}

bool TestOpenDialog::openDemo() {
    QTest::keyClick(m_dialog, Qt::Key_Escape);
    m_window->openDemo();
    return QTest::qWaitFor([&] { return m_window->document().isOpen(); }, 60'000) &&
           test::settled(m_window->document());
}

QString TestOpenDialog::message() const {
    for (const QLabel* label : m_dialog->findChildren<QLabel*>()) {
        if (label->accessibleName() == "What is missing, or what will open")
            return label->text();
    }
    return {};
}

QPushButton* TestOpenDialog::button(const QString& text) const {
    const auto buttons = m_dialog->findChildren<QPushButton*>();
    const auto found = std::ranges::find(buttons, text, &QPushButton::text);
    return found == buttons.end() ? nullptr : *found;
}

QLineEdit* TestOpenDialog::field(const QString& name) const {
    const auto fields = m_dialog->findChildren<QLineEdit*>();
    const auto found = std::ranges::find_if(
        fields, [&](const QLineEdit* edit) { return edit->accessibleName() == name && edit->isVisible(); });
    return found == fields.end() ? nullptr : *found;
}

/// All that the dialog's visible labels say.
QString TestOpenDialog::notes() const {
    QStringList texts;
    for (const QLabel* label : m_dialog->findChildren<QLabel*>()) {
        if (label->isVisible())
            texts << label->text();
    }
    return texts.join('\n');
}

void TestOpenDialog::emptyAsksForAModel() {
    QVERIFY(!isReady());
    QVERIFY(message().contains("Choose a model"));
    QVERIFY(field("Model")->hasFocus());
    QVERIFY(!field("Samples")->isEnabled() && !field("Labels")->isEnabled() && !field("Formats")->isEnabled());
    QTest::keyClick(m_dialog, Qt::Key_Return);
    QVERIFY(m_dialog->isVisible() && !m_window->document().isBusy());
    // Typed by hand, with the files beside it.
    QTest::keyClicks(field("Model"), folder("digits_cnn") + "/traced.pt");
    QTest::keyClick(field("Model"), Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(isReady(), 60'000);
    QCOMPARE(m_dialog->request().samples, QStringList{folder("digits_cnn") + "/inputs.npz"});
}

void TestOpenDialog::missingNumberIsAskedFor() {
    ask(folder("silero_vad") + "/silero_vad.jit");
    QTRY_VERIFY2_WITH_TIMEOUT(message().startsWith("sr has no value"), qPrintable(message()), 60'000);
    QVERIFY(message().contains("16000"));
    QVERIFY(!isReady());
    QLineEdit* value = field("Value of sr");
    QVERIFY(value && value->property("wrong").toBool());
    QTRY_COMPARE(m_dialog->focusWidget(), value);
    QTest::keyClick(m_dialog, Qt::Key_Return); // nothing to open yet
    QVERIFY(!m_window->document().isBusy());
    QTest::keyClicks(value, "16000.5");
    QVERIFY(message().contains("whole number"));
    value->selectAll();
    QTest::keyClicks(value, "16000");
    QVERIFY2(isReady(), qPrintable(message()));
    QVERIFY(!value->property("wrong").toBool());
    QCOMPARE(message(), QString("Ready: 1 sample."));
    QVERIFY(notes().contains("taken for “x”") || notes().contains("x, 1 × 512 float32"));
    QTest::keyClick(value, Qt::Key_Return);
    auto& document = m_window->document();
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !m_dialog->isVisible(), 60'000);
    QCOMPARE(document.request().inputs.at("sr").value, 16000.0);
    QCOMPARE(document.model()->samples->inputs.find("sr")->integers()[0], std::int64_t{16000});
}

void TestOpenDialog::readyFromFilesBeside() {
    ask(folder("digits_cnn") + "/traced.pt");
    QTRY_COMPARE_WITH_TIMEOUT(message(), QString("Ready: 397 samples, 10 classes."), 60'000);
    QVERIFY(isReady());
    const QString said = notes();
    for (const char* part :
         {"TorchScript", "parameters", "1 array: ", "397 × 1 × 8 × 8 float32; ", "found beside the model",
          "397 labels, classes 0 … 9; found beside", "calibration and search: 1 … 199", "held out: 200 … 397 (198)"})
        QVERIFY2(said.contains(QString::fromUtf8(part)), part);
    QTest::keyClick(m_dialog, Qt::Key_Return);
    auto& document = m_window->document();
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !m_dialog->isVisible(), 60'000);
    QCOMPARE(document.model()->chosenOn, std::int64_t{199}); // ⌈397 / 2⌉
    QCOMPARE(document.model()->samples->labels.size(), std::size_t{397});
    QVERIFY(m_window->findChild<gui::MessageStrip*>()->text().contains("Every tensor is float"));
    QVERIFY(QSettings().value("recent").toStringList().value(0).contains(folder("digits_cnn") + "/traced.pt"));
    QVERIFY(test::settled(document));
    QVERIFY(document.result()->predictions.heldOutAccuracyFixed().has_value());
}

void TestOpenDialog::randomNeedsAShape() {
    ask(alone(folder("digits_cnn") + "/traced.pt"));
    QTRY_VERIFY2_WITH_TIMEOUT(message().startsWith("image has no samples"), qPrintable(message()), 60'000);
    QLineEdit* shape = field("Shape of random image");
    QVERIFY(shape);
    QTRY_COMPARE(m_dialog->focusWidget(), shape);
    QTest::keyClicks(shape, "16x1x");
    QVERIFY(!isReady() || message().contains("16"));
    QTest::keyClicks(shape, "8x8");
    QCOMPARE(message(), QString("Ready: 16 random samples."));
    QLineEdit* seed = field("Seed of random values");
    seed->setFocus();
    seed->selectAll();
    QTest::keyClicks(seed, "7");
    QTest::keyClick(seed, Qt::Key_Return);
    auto& document = m_window->document();
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !m_dialog->isVisible(), 60'000);
    QVERIFY(document.model()->randomSamples);
    QCOMPARE(document.model()->sampleCount, std::int64_t{16});
    QCOMPARE(document.request().seed, std::uint64_t{7});
}

void TestOpenDialog::defaultsAreKept() {
    torch::jit::Module network("__torch__.Scaled");
    network.define("def forward(self, x, scale: float = 2.0):\n    return torch.relu(x) * scale\n");
    const QString model = m_files->filePath("scaled.pt");
    network.save(model.toStdString());
    quant::NamedArrays arrays;
    arrays.items.emplace_back("x", quant::Array::ofFloats({2, 3}, {1, 2, 3, 4, 5, 6}));
    quant::writeNpz(m_files->filePath("scaled.npz").toStdString(), arrays);
    ask(model);
    QTRY_VERIFY2_WITH_TIMEOUT(isReady(), qPrintable(message()), 60'000);
    QVERIFY(!m_dialog->request().inputs.contains("scale"));
    QVERIFY(notes().contains("2.")); // the default
    QTest::keyClick(m_dialog, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().isOpen() && !m_dialog->isVisible(), 60'000);
    QVERIFY(!m_window->document().model()->samples->inputs.find("scale"));
}

void TestOpenDialog::dropOfThreeFiles() {
    QTest::keyClick(m_dialog, Qt::Key_Escape);
    QVERIFY(!m_dialog->isVisible());
    QStringList copies;
    for (const char* name : {"labels.npy", "traced.pt", "inputs.npz"}) {
        copies << m_files->filePath(QString("elsewhere_") + name);
        QVERIFY(QFile::copy(folder("digits_cnn") + "/" + name, copies.back()));
    }
    drop(copies);
    QVERIFY(m_dialog->isVisible());
    QTRY_COMPARE_WITH_TIMEOUT(message(), QString("Ready: 397 samples, 10 classes."), 60'000);
    QCOMPARE(m_dialog->request().labels, copies[0]);
    QCOMPARE(m_dialog->request().samples, QStringList{copies[2]});
    QVERIFY(!notes().contains("found beside"));
    QTest::mouseClick(button("Open"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().isOpen() && !m_dialog->isVisible(), 60'000);
    QCOMPARE(m_window->document().request().labels, copies[0]);
}

/// Samples dropped on an open model: the dialog has its request, and Open gives it other samples and takes nothing.
void TestOpenDialog::samplesForTheOpenModelKeepItsEdits() {
    QTest::keyClick(m_dialog, Qt::Key_Escape);
    const QString cnn = folder("digits_cnn");
    m_window->openFiles({cnn + "/traced.pt", cnn + "/inputs.npz"});
    auto& document = m_window->document();
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !document.isBusy(), 60'000);
    document.setFormats({{document.slotOf("conv1.weight"), {7, 5, {}, {}}}}, "edit");
    const auto all = quant::readNpz((cnn + "/inputs.npz").toStdString());
    const quant::Array& images = all.items.front().second;
    quant::NamedArrays few;
    few.items.emplace_back("image", quant::Array::ofFloats({5, 1, 8, 8}, {images.floats(), images.floats() + 5 * 64}));
    const QString samples = m_files->filePath("few.npz");
    quant::writeNpz(samples.toStdString(), few);
    drop({samples});
    QVERIFY(m_dialog->isVisible());
    QCOMPARE(m_dialog->request().model, cnn + "/traced.pt");
    QTRY_VERIFY_WITH_TIMEOUT(message().startsWith("Ready: 5 samples"), 60'000);
    QTest::keyClick(m_dialog, Qt::Key_Return);
    QTRY_COMPARE_WITH_TIMEOUT(document.model()->sampleCount, std::int64_t{5}, 60'000);
    QVERIFY(!m_dialog->isVisible());
    QVERIFY((document.format(document.slotOf("conv1.weight")) == quant::QType{7, 5, {}, {}}));
    QVERIFY(document.isModified());
    QCOMPARE(document.undoStack()->count(), 1);
}

void TestOpenDialog::commandLineOpensOrAsks_data() {
    QTest::addColumn<QStringList>("files");
    QTest::addColumn<bool>("asks");
    QTest::newRow("model and samples") << QStringList{folder("digits_cnn/traced.pt"), folder("digits_cnn/inputs.npz")}
                                       << false;
    QTest::newRow("a number is missing") << QStringList{folder("silero_vad/silero_vad.jit"),
                                                        folder("silero_vad/inputs.npz")}
                                         << true;
    QTest::newRow("model alone") << QStringList{folder("digits_cnn/traced.pt")} << true;
}

void TestOpenDialog::commandLineOpensOrAsks() {
    QFETCH(QStringList, files);
    QFETCH(bool, asks);
    QTest::keyClick(m_dialog, Qt::Key_Escape);
    m_window->openFiles(files);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().isOpen() || m_dialog->isVisible(), 60'000);
    QCOMPARE(m_dialog->isVisible(), asks);
    if (asks)
        QTRY_VERIFY_WITH_TIMEOUT(isReady() || message().startsWith("sr has"), 60'000);
    QCOMPARE(m_window->document().isOpen(), !asks);
}

void TestOpenDialog::wrongLabelCount() {
    const QString labels = m_files->filePath("labels.npz");
    quant::NamedArrays arrays;
    arrays.items.emplace_back("labels", quant::Array::ofIntegers({3}, {0, 1, 2}));
    quant::writeNpz(labels.toStdString(), arrays);
    drop({folder("digits_cnn/traced.pt"), folder("digits_cnn/inputs.npz"), labels});
    QTRY_COMPARE_WITH_TIMEOUT(message(), QString("Ready: 397 samples."), 60'000);
    QVERIFY(notes().contains("3 labels for 397 samples: it opens without labels"));
    QTest::keyClick(m_dialog, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().isOpen() && !m_dialog->isVisible(), 60'000);
    QVERIFY(m_window->document().model()->samples->labels.empty());
    QVERIFY(m_window->findChild<gui::MessageStrip*>()->text().contains("without labels"));
}

void TestOpenDialog::whatCannotBeOpenedIsSaid_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("says");
    QTest::newRow("ONNX without a graph") << QByteArray("\x08\x07\x12\x07pytorch") << "holds no ONNX graph";
    QTest::newRow("not a model") << QByteArray("hello, world") << "not a TorchScript archive";
    QTest::newRow("cut off") << QByteArray("PK and nothing more") << "is a zip file that cannot be read";
    QTest::newRow("empty") << QByteArray() << "is empty";
}

void TestOpenDialog::whatCannotBeOpenedIsSaid() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, says);
    const QString file = m_files->filePath("it.pt");
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly));
    out.write(bytes);
    out.close();
    ask(file);
    QTRY_VERIFY2_WITH_TIMEOUT(message().contains(says), qPrintable(message()), 60'000);
    QVERIFY(!isReady());
    QVERIFY(field("Model")->property("wrong").toBool());
}

/// What turns out only when the model runs: the dialog says so and stays, the document is as it was.
void TestOpenDialog::failedOpenLeavesTheOldDocument() {
    QVERIFY(openDemo());
    auto& document = m_window->document();
    document.setFormats({{0, {6, 3, {}, {}}}}, "edit");
    const auto model = document.model();
    const auto formats = document.formats();
    quant::NamedArrays arrays;
    arrays.items.emplace_back("image", quant::Array::ofFloats({4, 3}, std::vector<float>(12, 1)));
    const QString samples = m_files->filePath("flat.npz");
    quant::writeNpz(samples.toStdString(), arrays);
    drop({alone(folder("digits_cnn") + "/traced.pt"), samples});
    QTRY_VERIFY_WITH_TIMEOUT(isReady(), 60'000);
    QTimer::singleShot(0, this, [] {
        if (auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget()))
            box->button(QMessageBox::Discard)->click();
    });
    QTest::keyClick(m_dialog, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(!document.isBusyInForeground() && message().contains("conv1"), 60'000);
    QVERIFY(m_dialog->isVisible() && isReady()); // it may be tried again
    QVERIFY(document.model() == model && document.formats() == formats && document.isModified());
    QTest::keyClick(m_dialog, Qt::Key_Escape);
    QVERIFY(test::settled(document));
    QVERIFY(document.slotResult(0)->format == document.format(0));
}

void TestOpenDialog::escapeAtEveryStage_data() {
    QTest::addColumn<QString>("stage");
    QTest::addColumn<bool>("button");
    for (const char* stage : {"reading", "filled in", "asked", "begun", "running"}) {
        QTest::newRow(stage) << stage << false;
        QTest::addRow("%s, by the button", stage) << stage << true;
    }
}

/// The dialog is gone when the key's event has been handled, and the old document's run comes to its end.
void TestOpenDialog::escapeAtEveryStage() {
    QFETCH(QString, stage);
    QFETCH(bool, button);
    QVERIFY(openDemo());
    auto& document = m_window->document();
    const auto model = document.model();
    model::OpenRequest request;
    const QStringList files = slowModel();
    request.model = files[0];
    request.samples << files[1];
    m_window->askToOpen(request);
    QVERIFY(m_dialog->isVisible());
    // How long the interface was deaf at most, told and not judged: the machine has other work.
    QElapsedTimer since;
    qint64 longest = 0;
    QTimer ticks;
    connect(&ticks, &QTimer::timeout, this, [&] { longest = std::max(longest, since.restart()); });
    since.start();
    ticks.start(1);
    QSignalSpy failed(&document, &model::Document::failed), changed(&document, &model::Document::modelChanged);
    if (stage != "reading")
        QTRY_VERIFY2_WITH_TIMEOUT(isReady(), qPrintable(message()), 60'000);
    if (stage == "asked" || stage == "begun" || stage == "running") {
        QTest::keyClick(m_dialog, Qt::Key_Return);
        QVERIFY(document.isBusyInForeground() && !isReady());
        QVERIFY(field("Model") && !field("Model")->isEnabled()); // the fields stay
    }
    if (stage == "begun")
        QCoreApplication::processEvents();
    if (stage == "running")
        QTRY_VERIFY2_WITH_TIMEOUT(message().contains("running the float model"), qPrintable(message()), 60'000);
    if (button)
        QTest::mouseClick(this->button("Cancel"), Qt::LeftButton);
    else
        QTest::keyClick(m_dialog, Qt::Key_Escape);
    QVERIFY(!m_dialog->isVisible());
    longest = std::max(longest, since.elapsed());
    ticks.stop();
    qInfo("longest pause of the interface: %lld ms", static_cast<long long>(longest));
    document.setFormats({{0, {6, 3, {}, {}}}}, "edit");
    QVERIFY(test::settled(document));
    QVERIFY(document.model() == model);
    QCOMPARE(changed.count(), 0);
    QCOMPARE(failed.count(), 0);
    QVERIFY(document.slotResult(0)->format == document.format(0));
}

void TestOpenDialog::closingWhileItOpens() {
    const QStringList files = slowModel();
    drop(files);
    QTRY_VERIFY_WITH_TIMEOUT(isReady(), 60'000);
    QTest::keyClick(m_dialog, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(message().contains("running the float model"), 60'000);
    m_window->close();
    m_window.reset(); // waits for the thread, which ends between two operators
}

void TestOpenDialog::splitByKeyAndMouse() {
    ask(folder("digits_cnn") + "/traced.pt");
    QTRY_VERIFY_WITH_TIMEOUT(isReady(), 60'000);
    auto* slider = m_dialog->findChild<gui::SplitSlider*>();
    QCOMPARE(slider->chosen(), 199);
    slider->setFocus();
    QTest::keyClick(slider, Qt::Key_Right);
    QCOMPARE(slider->chosen(), 200);
    QVERIFY(notes().contains("held out: 201 … 397 (197)"));
    QTest::keyClick(slider, Qt::Key_Home);
    QCOMPARE(slider->chosen(), 1);
    QTest::keyClick(slider, Qt::Key_End);
    QVERIFY(notes().contains("held out: none"));
    QCOMPARE(m_dialog->request().heldOut, 0.0);
    const int middle = slider->width() / 4, y = slider->height() / 2;
    QTest::mousePress(slider, Qt::LeftButton, {}, {slider->handleX(), y});
    QTest::mouseMove(slider, {middle, y});
    QTest::mouseRelease(slider, Qt::LeftButton, {}, {middle, y});
    QVERIFY(std::abs(slider->chosen() - 397 / 4) <= 4);
    QVERIFY(std::abs(slider->handleX() - middle) <= 2);
    const int chosen = slider->chosen();
    QTest::keyClick(m_dialog, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().isOpen() && !m_dialog->isVisible(), 60'000);
    QCOMPARE(m_window->document().model()->chosenOn, std::int64_t{chosen});
}

void TestOpenDialog::arrowsShowTheNextSample() {
    ask(folder("digits_cnn") + "/traced.pt");
    QTRY_VERIFY_WITH_TIMEOUT(isReady(), 60'000);
    auto* preview = m_dialog->findChild<gui::SamplePreviewView*>();
    QVERIFY(notes().contains("First sample"));
    preview->setFocus();
    QTest::keyClick(preview, Qt::Key_Left);
    QCOMPARE(preview->sample(), std::int64_t{0});
    QTest::keyClick(preview, Qt::Key_Right);
    QTest::keyClick(preview, Qt::Key_Right);
    QCOMPARE(preview->sample(), std::int64_t{2});
    QVERIFY(notes().contains("Sample 3 of 397"));
    QTest::keyClick(preview, Qt::Key_End);
    QTest::keyClick(preview, Qt::Key_Right);
    QCOMPARE(preview->sample(), std::int64_t{396});
}

void TestOpenDialog::whatTakesTheEditsAsks_data() {
    QTest::addColumn<bool>("another");
    QTest::newRow("another model") << true;
    QTest::newRow("other formats for the same model") << false;
}

void TestOpenDialog::whatTakesTheEditsAsks() {
    QFETCH(bool, another);
    QVERIFY(openDemo());
    auto& document = m_window->document();
    const QString saved = m_files->filePath("other.qconfig.json");
    QVERIFY(QFile::copy(document.qconfigFile(), saved));
    document.setFormats({{0, {6, 3, {}, {}}}}, "edit");
    const auto model = document.model();
    if (another) {
        ask(folder("digits_cnn") + "/traced.pt");
    } else {
        model::OpenRequest request = document.request();
        request.qconfig = saved;
        m_window->askToOpen(request);
    }
    QTRY_VERIFY_WITH_TIMEOUT(isReady(), 60'000);
    bool asked = false;
    QTimer::singleShot(0, this, [&] {
        if (auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget())) {
            asked = true;
            box->button(QMessageBox::Cancel)->click();
        }
    });
    QTest::keyClick(m_dialog, Qt::Key_Return);
    QVERIFY(asked && m_dialog->isVisible() && isReady());
    QVERIFY(!document.isBusyInForeground() && document.model() == model);
    QVERIFY((document.format(0) == quant::QType{6, 3, {}, {}}));
}

QTEST_MAIN(TestOpenDialog)
#include "tst_open_dialog.moc"
