#include "app/gui/message_strip.h"
#include "support/golden.h"
#include "support/window.h"
#include "views/inspector/effect_panel.h"
#include "views/inspector/sqnr_table.h"
#include "views/plots/bit_ruler.h"

#include <QAction>
#include <QLineEdit>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>
#include <QTreeView>
#include <QWindow>

#include <algorithm>
#include <cmath>

using namespace fxp;
using gui::MainWindow;

/// Edits through the window: the word, the fields, the table.
class TestWindowEdits : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void dragThenSave();
    void spinBoxEditsAllSelected();
    void notationIsRead();
    void exceptionsBecomeMessages();
    void foldingIsOfferedWhereItCanSayWhyNot();
    void tableOfARecurrentStepSaysSo();
    void liveOffWaits();
    void theWordStaysInThePlot_data();
    void theWordStaysInThePlot();
    void aPressBesideTheWordIsNoPan();
    void figuresAreNotCut_data();
    void figuresAreNotCut();
    void biasHasATrueMinusSign();
    void theSelectedRowIsSeen_data();
    void theSelectedRowIsSeen();

  private:
    QTemporaryDir m_files;
};

void TestWindowEdits::dragThenSave() {
    const auto window = test::demoWindow();
    QVERIFY(window);
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

void TestWindowEdits::spinBoxEditsAllSelected() {
    const auto window = test::demoWindow();
    QVERIFY(window);
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
    test::action(*window, "Undo")->trigger();
    QCOMPARE(*document.format(b).totalBits, 8);
}

void TestWindowEdits::notationIsRead() {
    const auto window = test::demoWindow();
    QVERIFY(window);
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

void TestWindowEdits::exceptionsBecomeMessages() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    // The demo's copy is written to a folder; where a file stands in its place, the action throws.
    auto* strip = window->findChild<gui::MessageStrip*>();
    const quant::Formats before = window->document().formats();
    window->document().setFormats({{0, {1, 0, {}, {}}}}, "edit");
    QVERIFY(strip->text().contains("What to do"));
    QVERIFY(window->document().formats() == before);
    QTRY_VERIFY(!window->document().isBusy());
}

void TestWindowEdits::foldingIsOfferedWhereItCanSayWhyNot() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    QVERIFY(!test::action(*window, "Fold batch norms")->isEnabled()); // there are none
    const auto other = test::cnnWindow();
    QVERIFY(other);
    QVERIFY(test::action(*other, "Fold batch norms")->isEnabled());
}

void TestWindowEdits::tableOfARecurrentStepSaysSo() {
    const auto window = std::make_unique<MainWindow>();
    window->show();
    auto& document = window->document();
    const QString folder = QString::fromStdString(test::modelFolder()) + "/digits_lstm";
    window->openFiles({folder + "/traced.pt", folder + "/inputs.npz"});
    QVERIFY(QTest::qWaitFor([&] { return document.isOpen(); }, 120'000) && test::settled(document));
    auto* table = window->findChild<views::SqnrTable*>();
    window->selection().select(document.slotOf("rnn.l0.h_t"));
    QTRY_VERIFY(table->accessibleDescription().contains("feedback"));
    window->selection().select(document.slotOf("head.weight"));
    QTRY_VERIFY(table->accessibleDescription().isEmpty());
}

void TestWindowEdits::liveOffWaits() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    test::action(*window, "Live")->setChecked(false);
    const int slot = window->selection().current();
    document.setFormats({{slot, {12, 8, {}, {}}}}, "edit");
    QTest::qWait(100);
    QVERIFY(document.isStale(slot));
    test::action(*window, "Run")->trigger();
    QVERIFY(test::settled(document));
    QVERIFY(!document.isStale(slot));
}

void TestWindowEdits::theWordStaysInThePlot_data() {
    QTest::addColumn<QString>("how");
    for (const char* how : {"left", "right", "longer", "table", "pan"})
        QTest::newRow(how) << how;
}

void TestWindowEdits::theWordStaysInThePlot() {
    QFETCH(QString, how);
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    document.setLive(false);
    auto* ruler = window->findChild<views::BitRuler*>();
    QTRY_VERIFY(ruler->isVisible() && ruler->width() > 200);
    const auto inside = [&] {
        return ruler->leftHandle().x() >= 0 && ruler->rightHandle().x() <= ruler->width() &&
               ruler->rightHandle().x() - ruler->leftHandle().x() > 10;
    };
    QVERIFY(inside());
    if (how == "pan") {
        QWidget* plot = ruler->parentWidget();
        const QPoint from(plot->width() / 2, plot->height() - 60);
        QTest::mousePress(plot, Qt::LeftButton, {}, from);
        for (int step = 1; step <= 8; ++step) {
            const QPointF at = from + QPoint(step * 60, 0);
            QMouseEvent event(QEvent::MouseMove, at, plot->mapToGlobal(at), Qt::NoButton, Qt::LeftButton, {});
            QApplication::sendEvent(plot, &event);
            QVERIFY(inside());
        }
        QTest::mouseRelease(plot, Qt::LeftButton, {}, from + QPoint(480, 0));
        return;
    }
    for (int i = 0; i < 40; ++i) {
        if (how == "table") {
            const int slot = window->selection().current();
            const int total = 4 + i % 8, integer = i - 20;
            document.setFormats({{slot, {total, total - integer, {}, {}}}}, "take"); // as a click on a cell does
        } else {
            QTest::keyClick(ruler, how == "left" ? Qt::Key_Left : Qt::Key_Right,
                            how == "longer" ? Qt::ShiftModifier : Qt::NoModifier);
        }
        QVERIFY2(inside(), qPrintable(QString::number(i)));
    }
}

void TestWindowEdits::aPressBesideTheWordIsNoPan() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto* ruler = window->findChild<views::BitRuler*>();
    QTRY_VERIFY(ruler->isVisible() && ruler->width() > 200);
    const quant::Formats formats = window->document().formats();
    const QPoint before = ruler->cellCentre(0);
    const QPoint from(ruler->rightHandle().x() + 25, ruler->rightHandle().y());
    QVERIFY(ruler->rect().contains(from));
    // As the window system delivers them: to the widget below the pointer, and on to its parent when not taken.
    QTest::mousePress(window->windowHandle(), Qt::LeftButton, {}, ruler->mapTo(window.get(), from));
    QTest::mouseMove(window->windowHandle(), ruler->mapTo(window.get(), from + QPoint(-30, 0)));
    QTest::mouseMove(window->windowHandle(), ruler->mapTo(window.get(), from + QPoint(-80, 0)));
    QTest::mouseRelease(window->windowHandle(), Qt::LeftButton, {}, ruler->mapTo(window.get(), from + QPoint(-80, 0)));
    QCOMPARE(ruler->cellCentre(0), before);
    QVERIFY(window->document().formats() == formats);
}

void TestWindowEdits::figuresAreNotCut_data() {
    QTest::addColumn<QString>("tensor");
    for (const char* tensor : {"encoder.layers.1.linear1.activation", "stem.0.accumulator", "head.weight",
                               "encoder.layers.0.norm1.var_tensor"})
        QTest::newRow(tensor) << tensor;
}

void TestWindowEdits::figuresAreNotCut() {
    QFETCH(QString, tensor);
    const auto window = test::demoWindow();
    QVERIFY(window);
    window->resize(1280, 800);
    auto& document = window->document();
    document.setFormats({{document.slotOf(tensor), {40, 30, {}, {}}}}, "many digits");
    QVERIFY(test::settled(document));
    window->selection().select(document.slotOf(tensor));
    QCoreApplication::processEvents();
    const auto* panel = window->findChild<views::EffectPanel*>();
    const QWidget* viewport = panel->parentWidget()->parentWidget();
    QVERIFY(panel->mapTo(viewport, panel->rect().bottomRight()).x() <= viewport->width());
    const auto fits = [](const QLabel* label) {
        const QRect needed = label->fontMetrics().boundingRect(label->contentsRect(), Qt::TextWordWrap, label->text());
        return needed.width() <= label->width() && needed.height() <= label->height() + 1;
    };
    for (const QLabel* label : panel->findChildren<QLabel*>()) {
        if (label->isVisible() && !label->text().isEmpty())
            QTRY_VERIFY2(fits(label), qPrintable(label->text())); // once it has its place
    }
}

void TestWindowEdits::biasHasATrueMinusSign() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    const int slot = window->selection().current();
    quant::QType format = document.format(slot);
    format.rounding = quant::Rounding::Floor; // every value down: the mean of y - x is below 0
    QVERIFY(document.setFormats({{slot, format}}, "floor"));
    QVERIFY(test::settled(document));
    QVERIFY(document.slotResult(slot)->figures.bias(format.lsb()) < -0.01);
    const auto* bias = test::named<QLabel>(*window, "Bias, mean · outward");
    QVERIFY(bias);
    QVERIFY2(bias->text().startsWith(QChar(0x2212)) && !bias->text().contains('-'), qPrintable(bias->text()));
}

void TestWindowEdits::theSelectedRowIsSeen_data() {
    QTest::addColumn<QString>("theme");
    QTest::newRow("light") << "light";
    QTest::newRow("dark") << "dark";
}

/// The selected row is told from the others, and its text from the row: contrast as WCAG 2 defines it.
void TestWindowEdits::theSelectedRowIsSeen() {
    QFETCH(QString, theme);
    const auto window = test::demoWindow();
    QVERIFY(window);
    window->applyTheme(theme);
    QCoreApplication::processEvents();
    auto* tree = window->findChild<QTreeView*>();
    const QRect row = tree->visualRect(tree->currentIndex().siblingAtColumn(0));
    QVERIFY(row.isValid());
    const QImage image = tree->viewport()->grab().toImage();
    const auto luminance = [](const QColor& colour) {
        const auto linear = [](double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
        return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
    };
    const auto contrast = [&](const QColor& a, const QColor& b) {
        const auto [dark, light] = std::minmax({luminance(a), luminance(b)});
        return (light + 0.05) / (dark + 0.05);
    };
    const QColor selected = image.pixelColor(row.right() - 3, row.center().y());
    const QColor base = tree->palette().color(QPalette::Base);
    QVERIFY2(contrast(selected, base) > 1.2, qPrintable(selected.name() + " " + base.name()));
    QVERIFY(contrast(selected, tree->palette().color(QPalette::Text)) > 4.5);
    window->applyTheme("light");
}

QTEST_MAIN(TestWindowEdits)
#include "tst_window_edits.moc"
