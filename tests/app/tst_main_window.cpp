#include "app/gui/divisor_strip.h"
#include "app/gui/main_window.h"
#include "app/gui/message_strip.h"
#include "app/gui/open_dialog.h"
#include "app/gui/quick_find.h"
#include "quant/io/npz.h"
#include "support/golden.h"
#include "support/opened_document.h"
#include "views/inspector/sqnr_table.h"
#include "views/plots/bit_plot.h"
#include "views/plots/bit_ruler.h"

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QCompleter>
#include <QDropEvent>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QMimeData>
#include <QSettings>
#include <QSpinBox>
#include <QStandardPaths>
#include <QStatusBar>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QTreeView>

#include <algorithm>

using namespace fxp;
using gui::MainWindow;

/// The window as its user drives it, offscreen.
class TestMainWindow : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void demoOpens();
    void dragThenSave();
    void spinBoxEditsAllSelected();
    void notationIsRead();
    void exactAccumulatorsAreNotCounted();
    void aQConfigByHandIsNoted_data();
    void aQConfigByHandIsNoted();
    void divisorsThatBecameZeroAreTold();
    void statusLineFitsTheWindow_data();
    void statusLineFitsTheWindow();
    void labelsWithoutAccuracyAreExplained();
    void tableOfARecurrentStepSaysSo();
    void findTakesAPart_data();
    void findTakesAPart();
    void findFollowsRenamedActions();
    void foldingIsOfferedWhereItCanSayWhyNot();
    void failedOpenKeepsWhatWas_data();
    void failedOpenKeepsWhatWas();
    void qconfigWaitsForItsOwnModel();
    void foldedQConfigOfAnotherModelAsks();
    void exceptionsBecomeMessages();
    void closingWhileBusy_data();
    void closingWhileBusy();
    void dropOpens();
    void closeAsks_data();
    void closeAsks();
    void liveOffWaits();

  private:
    static std::unique_ptr<MainWindow> demo();
    /// The window with digits_cnn and its samples, run once.
    static std::unique_ptr<MainWindow> cnn();
    static QAction* action(MainWindow& window, const QString& text);
    /// Whether one of the status line's labels shows the text.
    static bool shown(MainWindow& window, const QString& text);
    QTemporaryDir m_files;
};

void TestMainWindow::initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QCoreApplication::setApplicationName("fxp-workbench-test");
    QCoreApplication::setOrganizationName({});
}

std::unique_ptr<MainWindow> TestMainWindow::demo() {
    auto window = std::make_unique<MainWindow>();
    window->show();
    window->openDemo();
    const bool ready =
        QTest::qWaitFor([&] { return window->document().isOpen(); }, 30'000) && test::settled(window->document());
    return ready ? std::move(window) : nullptr;
}

std::unique_ptr<MainWindow> TestMainWindow::cnn() {
    auto window = std::make_unique<MainWindow>();
    window->show();
    const QString folder = QString::fromStdString(test::modelFolder()) + "/digits_cnn";
    window->openFiles({folder + "/traced.pt", folder + "/inputs.npz"});
    const bool ready =
        QTest::qWaitFor([&] { return window->document().isOpen(); }, 30'000) && test::settled(window->document());
    return ready ? std::move(window) : nullptr;
}

QAction* TestMainWindow::action(MainWindow& window, const QString& text) {
    for (QAction* action : window.findChildren<QAction*>()) {
        if (action->text().remove('&').startsWith(text))
            return action;
    }
    return nullptr;
}

bool TestMainWindow::shown(MainWindow& window, const QString& text) {
    const auto labels = window.statusBar()->findChildren<QLabel*>();
    return std::ranges::any_of(labels,
                               [&](QLabel* label) { return label->isVisible() && label->text().contains(text); });
}

void TestMainWindow::demoOpens() {
    const auto window = demo();
    QVERIFY(window);
    auto& document = window->document();
    QVERIFY(document.slotCount() > 100);
    QVERIFY(!document.isModified());
    QVERIFY(*document.result()->predictions.accuracyFloat() >= 0.97);
    QVERIFY(window->selection().current() >= 0);
    QVERIFY(window->windowTitle().contains("digits"));
}

void TestMainWindow::dragThenSave() {
    const auto window = demo();
    auto& document = window->document();
    auto* ruler = window->findChild<views::BitRuler*>();
    QTRY_VERIFY(ruler->isVisible() && ruler->width() > 200);
    const int slot = window->selection().current();
    const int before = *document.format(slot).fractionalBits;
    const int column = ruler->cellCentre(0).x() - ruler->cellCentre(1).x();
    const QPoint from = ruler->pointHandle();
    QTest::mousePress(ruler, Qt::LeftButton, {}, from);
    QTest::mouseMove(ruler, from + QPoint(-column, 0));
    QTest::mouseRelease(ruler, Qt::LeftButton, {}, from + QPoint(-column, 0));
    QCOMPARE(*document.format(slot).fractionalBits, before - 1);
    QVERIFY(window->windowTitle().contains('*'));
    const QString file = m_files.filePath("tuned.json");
    document.saveQConfig(file);
    const test::Json json = test::readJson(file.toStdString());
    QCOMPARE(json["layers"]["encoder.layers.1"]["linear1"]["activation"]["fractional_bits"].get<int>(), before - 1);
    QVERIFY(test::settled(document));
    QVERIFY(document.slotResult(slot)->format == document.format(slot));
}

void TestMainWindow::spinBoxEditsAllSelected() {
    const auto window = demo();
    auto& document = window->document();
    const int a = document.slotOf("embed.input"), b = document.slotOf("head.input");
    window->selection().set({a, b}, a);
    for (QSpinBox* box : window->findChildren<QSpinBox*>()) {
        if (box->accessibleName() == "Total bits")
            box->setValue(11);
    }
    QCOMPARE(*document.format(a).totalBits, 11);
    QCOMPARE(*document.format(b).totalBits, 11);
    QCOMPARE(document.undoStack()->index(), document.undoStack()->cleanIndex() + 1);
    action(*window, "Undo")->trigger();
    QCOMPARE(*document.format(b).totalBits, 8);
}

void TestMainWindow::notationIsRead() {
    const auto window = demo();
    auto& document = window->document();
    const int slot = window->selection().current();
    QLineEdit* field = nullptr;
    for (QLineEdit* edit : window->findChildren<QLineEdit*>()) {
        if (edit->accessibleName() == "ap_fixed")
            field = edit;
    }
    QVERIFY(field);
    const auto type = [&](const QString& text) {
        field->setFocus();
        field->selectAll();
        QTest::keyClicks(field, text);
        QTest::keyClick(field, Qt::Key_Return);
    };
    type("ap_fixed<9,3>");
    QCOMPARE(*document.format(slot).totalBits, 9);
    QCOMPARE(*document.format(slot).fractionalBits, 6);
    type("ap_fixed<1,1>");
    QCOMPARE(*document.format(slot).totalBits, 9);
    QVERIFY(window->findChild<gui::MessageStrip*>()->text().contains("ap_fixed"));
}

void TestMainWindow::exactAccumulatorsAreNotCounted() {
    const auto window = demo();
    auto& document = window->document();
    QTRY_VERIFY(document.result()->complete);
    int tensors = 0, accumulators = 0;
    for (const auto& slot : document.slotInfos()) {
        tensors += !slot.absent && !slot.path.ends_with("accumulator");
        accumulators += !slot.absent && slot.path.ends_with("accumulator");
    }
    QVERIFY(accumulators > 0);
    const QLabel* shown = nullptr;
    for (const QLabel* label : window->findChildren<QLabel*>()) {
        if (label->accessibleName() == "Overflow" && label->parentWidget()->toolTip().contains("1 %"))
            shown = label;
    }
    QVERIFY(shown);
    QVERIFY2(shown->text().contains(QString("of %1 tensors").arg(tensors)), qPrintable(shown->text()));
}

void TestMainWindow::aQConfigByHandIsNoted_data() {
    QTest::addColumn<bool>("folded");
    QTest::newRow("same tensors") << false;
    QTest::newRow("other batch norms folded") << true;
}

void TestMainWindow::aQConfigByHandIsNoted() {
    QFETCH(bool, folded);
    const auto window = cnn();
    QVERIFY(window);
    auto& document = window->document();
    if (folded) {
        document.setBatchNormsFolded(true);
        QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("bn1.weight") < 0, 30'000);
    }
    auto json = test::Json::parse(document.qconfig().toStdString());
    json["model"].erase("sha256");
    if (folded) {
        document.undoStack()->undo();
        QVERIFY(test::settled(document));
    }
    const QString file = m_files.filePath("by_hand.json");
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly));
    out.write(QByteArray::fromStdString(json.dump()));
    out.close();
    window->openFiles({file}, {});
    QTRY_COMPARE_WITH_TIMEOUT(window->document().qconfigFile(), file, 30'000);
    QCOMPARE(window->document().slotOf("bn1.weight") < 0, folded);
    QVERIFY(window->findChild<gui::MessageStrip*>()->text().contains("model.sha256"));
}

void TestMainWindow::divisorsThatBecameZeroAreTold() {
    const auto window = cnn();
    QVERIFY(window);
    auto& document = window->document();
    auto* strip = window->findChild<gui::DivisorStrip*>();
    const int first = document.slotOf("bn1.running_var"), second = document.slotOf("bn2.running_var");
    const auto said = [&] { return test::settled(document) ? strip->text() : QString("nothing settles"); };
    QCOMPARE(said(), QString());
    const quant::QType coarse{8, -20, {}, {}}; // steps of 2^20: no variance reaches half of one
    document.setFormats({{second, coarse}}, "second");
    QVERIFY2(said().contains("bn2.running_var is divided by: 16 of 16 values became 0"), qPrintable(strip->text()));
    document.setFormats({{first, coarse}}, "first");
    QVERIFY2(said().contains("bn1.running_var is divided by: 16 of 16 values became 0"), qPrintable(strip->text()));
    QVERIFY(strip->text().contains("bn2.running_var"));
    QAbstractButton* show = nullptr;
    for (QAbstractButton* button : strip->findChildren<QAbstractButton*>()) {
        if (button->text() == "Show tensor")
            show = button;
    }
    QVERIFY(show);
    show->click();
    QCOMPARE(window->selection().current(), first);
    const auto labels = window->findChildren<QLabel*>();
    QVERIFY(
        std::ranges::any_of(labels, [](QLabel* label) { return label->text().contains("16 (100.0 %), a divisor"); }));

    document.setFormats({{document.slotOf("fc.weight"), {8, 6, {}, {}}}}, "elsewhere");
    QCOMPARE(said(), QString()); // closed, and nothing new
    document.undoStack()->undo();
    document.undoStack()->undo();
    document.undoStack()->undo();
    QCOMPARE(said(), QString()); // no longer so
    document.undoStack()->redo();
    QVERIFY2(said().contains("bn2"), qPrintable(strip->text()));
    document.setLive(false);
    document.undoStack()->undo();
    QCOMPARE(strip->text(), QString()); // of formats that are no more
    document.setLive(true);
    document.undoStack()->redo();
    QVERIFY2(said().contains("bn2"), qPrintable(strip->text()));
    window->openDemo();
    QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("embed.input") >= 0, 30'000);
    QCOMPARE(said(), QString());
}

void TestMainWindow::statusLineFitsTheWindow_data() {
    QTest::addColumn<int>("width");
    QTest::addColumn<QString>("name");
    QTest::newRow("small screen") << 1280 << QString();
    QTest::newRow("long name") << 1280 << QString(200, 'm') + ".pt";
    QTest::newRow("wide screen") << 1920 << QString();
}

/// What is under way takes its place from the figures at the right, and not from the screen.
void TestMainWindow::statusLineFitsTheWindow() {
    QFETCH(int, width);
    QFETCH(QString, name);
    const auto window = demo();
    window->resize(width, 800);
    QTRY_COMPARE(window->width(), width);
    auto& document = window->document();
    QVERIFY(shown(*window, "float →") && shown(*window, "ms"));
    if (name.isEmpty()) {
        quant::FinetuneOptions endless;
        endless.epochs = 1'000'000;
        document.finetune(endless);
    } else {
        window->openFiles({"/no/such/" + name, "/no/such/inputs.npz"});
    }
    QVERIFY(document.isBusyInForeground() && shown(*window, name.isEmpty() ? "Training" : "…"));
    for (int level = 0; level < 4; ++level) // nothing else is let in: the open fails soon
        QCoreApplication::sendPostedEvents(nullptr, QEvent::LayoutRequest);
    QCOMPARE(window->width(), width);
    QVERIFY(window->minimumSizeHint().width() <= 1280);
    QCOMPARE(shown(*window, "ms"), width > 1500);
    const auto labels = window->statusBar()->findChildren<QLabel*>();
    for (QLabel* label : labels) {
        const QRect area(label->mapTo(window->statusBar(), QPoint()), label->size());
        if (label->isVisible())
            QVERIFY2(label->width() >= label->sizeHint().width() && window->statusBar()->rect().contains(area) &&
                         label->parentWidget()->parentWidget()->rect().contains(label->parentWidget()->geometry()),
                     qPrintable(label->text()));
    }
    document.cancel();
    QTRY_VERIFY(!document.isBusyInForeground());
    QTRY_VERIFY(shown(*window, "ms"));
}

void TestMainWindow::labelsWithoutAccuracyAreExplained() {
    const auto window = std::make_unique<MainWindow>();
    window->show();
    auto& document = window->document();
    const QString folder = QString::fromStdString(test::modelFolder()) + "/mtcnn_pnet";
    window->openFiles({folder + "/traced.pt", folder + "/inputs.npz"});
    QVERIFY(QTest::qWaitFor([&] { return document.isOpen(); }, 30'000) && test::settled(document));
    QVERIFY(!shown(*window, "none: "));
    const std::vector<std::int64_t> classes(static_cast<std::size_t>(document.model()->sampleCount), 1);
    quant::NamedArrays arrays;
    arrays.items.emplace_back("labels", quant::Array::ofIntegers({document.model()->sampleCount}, classes));
    const QString file = m_files.filePath("labels.npz");
    quant::writeNpz(file.toStdString(), arrays);
    document.openLabels(file);
    QTRY_VERIFY_WITH_TIMEOUT(shown(*window, "none: no class per sample"), 30'000);
    const auto boxes = window->statusBar()->findChildren<QWidget*>();
    QVERIFY(std::ranges::any_of(boxes, [](QWidget* box) { return box->toolTip().contains("not [samples, classes]"); }));
}

void TestMainWindow::tableOfARecurrentStepSaysSo() {
    const auto window = std::make_unique<MainWindow>();
    window->show();
    auto& document = window->document();
    const QString folder = QString::fromStdString(test::modelFolder()) + "/digits_lstm";
    window->openFiles({folder + "/traced.pt", folder + "/inputs.npz"});
    QVERIFY(QTest::qWaitFor([&] { return document.isOpen(); }, 30'000) && test::settled(document));
    auto* table = window->findChild<views::SqnrTable*>();
    window->selection().select(document.slotOf("rnn.l0.h_t"));
    QTRY_VERIFY(table->accessibleDescription().contains("feedback"));
    window->selection().select(document.slotOf("head.weight"));
    QTRY_VERIFY(table->accessibleDescription().isEmpty());
}

void TestMainWindow::findTakesAPart_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("tensor"); // empty: the one before
    QTest::addColumn<bool>("live");
    QTest::addColumn<QString>("left");
    QTest::newRow("whole path") << "fc.activation"
                                << "fc.activation" << true << "";
    QTest::newRow("end of a path") << "bn1.running_v"
                                   << "bn1.running_var" << true << "";
    QTest::newRow("any case") << "BN2.W"
                              << "bn2.weight" << true << "";
    QTest::newRow("the whole before the part") << "live"
                                               << "" << false << "";
    QTest::newRow("part of an action") << "liv"
                                       << "" << false << "";
    QTest::newRow("nothing of that name") << "nowhere"
                                          << "" << true << "nowhere";
}

void TestMainWindow::findTakesAPart() {
    QFETCH(QString, text);
    QFETCH(QString, tensor);
    QFETCH(bool, live);
    QFETCH(QString, left);
    const auto window = cnn();
    QVERIFY(window);
    auto& document = window->document();
    const int expected = tensor.isEmpty() ? window->selection().current() : document.slotOf(tensor);
    auto* find = window->findChild<gui::QuickFind*>();
    find->setFocus();
    QTest::keyClicks(find, text);
    QTest::keyClick(find, Qt::Key_Return);
    QTRY_COMPARE(find->text(), left);
    QCOMPARE(window->selection().current(), expected);
    QCOMPARE(document.isLive(), live);
}

void TestMainWindow::findFollowsRenamedActions() {
    const auto window = cnn();
    QVERIFY(window);
    auto& document = window->document();
    auto* find = window->findChild<gui::QuickFind*>();
    document.setBatchNormsFolded(true);
    QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("bn1.weight") < 0 && !document.isBusy(), 30'000);
    QCoreApplication::processEvents();
    find->completer()->setCompletionPrefix("fold batch");
    QCOMPARE(find->completer()->currentCompletion(), QString("Unfold batch norms"));
    QTest::keyClicks(find, "unfold");
    QTest::keyClick(find, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("bn1.weight") >= 0, 30'000);
}

void TestMainWindow::foldingIsOfferedWhereItCanSayWhyNot() {
    const auto window = demo();
    QVERIFY(!action(*window, "Fold batch norms")->isEnabled()); // there are none
    const auto other = cnn();
    QVERIFY(action(*other, "Fold batch norms")->isEnabled());
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
    const auto window = demo();
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
    action(*window, "Undo")->trigger();
    QVERIFY(!document.isModified());
}

/// A QConfig named beside a model that does not open is not read for the next model that does.
void TestMainWindow::qconfigWaitsForItsOwnModel() {
    const auto window = demo();
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

void TestMainWindow::exceptionsBecomeMessages() {
    const auto window = demo();
    // The demo's copy is written to a folder; where a file stands in its place, the action throws.
    auto* strip = window->findChild<gui::MessageStrip*>();
    const quant::Formats before = window->document().formats();
    window->document().setFormats({{0, {1, 0, {}, {}}}}, "edit");
    QVERIFY(strip->text().contains("What to do"));
    QVERIFY(window->document().formats() == before);
    QTRY_VERIFY(!window->document().isBusy());
}

void TestMainWindow::closingWhileBusy_data() {
    QTest::addColumn<QString>("kind");
    for (const char* kind : {"opening", "running", "calibrating", "training", "several"})
        QTest::newRow(kind) << kind;
}

void TestMainWindow::closingWhileBusy() {
    QFETCH(QString, kind);
    auto window = demo();
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
        QTRY_VERIFY_WITH_TIMEOUT(shown(*window, "epoch"), 30'000);
    QVERIFY(window->close());
    window.reset(); // waits for the engine's thread: training would never end by itself
    QCoreApplication::processEvents();
}

void TestMainWindow::dropOpens() {
    const auto window = demo();
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
    const auto window = demo();
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

void TestMainWindow::liveOffWaits() {
    const auto window = demo();
    auto& document = window->document();
    action(*window, "Live")->setChecked(false);
    const int slot = window->selection().current();
    document.setFormats({{slot, {12, 8, {}, {}}}}, "edit");
    QTest::qWait(100);
    QVERIFY(document.isStale(slot));
    action(*window, "Run")->trigger();
    QVERIFY(test::settled(document));
    QVERIFY(!document.isStale(slot));
}

QTEST_MAIN(TestMainWindow)
#include "tst_main_window.moc"
