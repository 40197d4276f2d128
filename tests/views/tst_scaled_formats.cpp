#include "support/golden.h"
#include "support/opened_document.h"
#include "views/inspector/effect_panel.h"
#include "views/inspector/format_panel.h"
#include "views/inspector/sqnr_table.h"
#include "views/plots/bit_plot.h"
#include "views/plots/bit_ruler.h"
#include "views/plots/network_plot.h"
#include "views/plots/values_plot.h"

#include <QAbstractButton>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QMouseEvent>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>

using namespace fxp;
using quant::Overflow;
using quant::QType;
using quant::Rounding;

/// Every view on tensors whose integers have a real-valued scale, one or one per channel: mouse, wheel and keys give
/// legal formats or a message, never an exception.
class TestScaledFormats : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void init();
    void dragOverAllSelected_data();
    void dragOverAllSelected();
    void aScaleHasNoWord_data();
    void aScaleHasNoWord();
    void tableClick_data();
    void tableClick();
    void refusedByMessage();
    void slotsOfAnotherModel();
    void panelFields_data();
    void panelFields();
    void panelRefuses();
    void panelShowsWhatNotationsSay();
    void effects_data();
    void effects();
    void exactAccumulatorsAreNoBars();

  private:
    QType scaled(bool perChannel) const;
    bool set(int slot, const QType& type);
    template <class Field> static Field* field(const QWidget& panel, const QString& name) {
        for (Field* found : panel.findChildren<Field*>()) {
            if (found->accessibleName() == name)
                return found;
        }
        return nullptr;
    }

    std::unique_ptr<model::Document> m_document;
    views::Selection m_selection;
    int m_activation = -1, m_weight = -1, m_point = -1;
};

namespace {

void dragBy(QWidget* widget, QPoint from, int pixels, Qt::KeyboardModifiers keys = {}) {
    QTest::mousePress(widget, Qt::LeftButton, keys, from);
    for (int i = 1; i <= 4; ++i) {
        const QPoint at = from + QPoint(pixels * i / 4, 0); // QTest::mouseMove has no keys
        QMouseEvent move(QEvent::MouseMove, at, widget->mapToGlobal(at), Qt::NoButton, Qt::LeftButton, keys);
        QCoreApplication::sendEvent(widget, &move);
    }
    QTest::mouseRelease(widget, Qt::LeftButton, keys, from + QPoint(pixels, 0));
}

} // namespace

void TestScaledFormats::initTestCase() {
    m_document = std::make_unique<model::Document>();
    QVERIFY(test::openAndRun(*m_document, QString::fromStdString(test::modelFolder()) + "/digits_cnn", "traced.pt"));
    m_activation = m_document->slotOf("pw.activation");
    m_weight = m_document->slotOf("pw.weight");
    m_point = m_document->slotOf("conv1.activation");
    QVERIFY(m_activation >= 0 && m_weight >= 0 && m_point >= 0);
}

void TestScaledFormats::cleanupTestCase() {
    m_document.reset();
}

QType TestScaledFormats::scaled(bool perChannel) const {
    QType type{8, std::nullopt, Rounding::Floor, Overflow::SaturateSymmetric, quant::Affine{{0.0371}, {-5}, -1}};
    if (perChannel) {
        const auto channels =
            static_cast<std::size_t>(m_document->slotInfos()[static_cast<std::size_t>(m_weight)].shape[0]);
        type.affine = quant::Affine{std::vector<double>(channels, 0.01), std::vector<std::int64_t>(channels, 0), 0};
        type.affine->scale[0] = 0.023;
    }
    return type;
}

bool TestScaledFormats::set(int slot, const QType& type) {
    m_document->setFormats({{slot, type}}, "given");
    return test::settled(*m_document);
}

void TestScaledFormats::init() {
    m_document->setFormats({{m_activation, scaled(false)},
                            {m_weight, scaled(true)},
                            {m_point, {8, 4, Rounding::Trunc, Overflow::Wrap, {}}}},
                           "given");
    QVERIFY(test::settled(*m_document));
    m_document->undoStack()->clear();
}

void TestScaledFormats::dragOverAllSelected_data() {
    QTest::addColumn<QString>("by");
    QTest::addColumn<bool>("alike");
    QTest::addColumn<int>("total");
    QTest::addColumn<int>("fraction");
    QTest::newRow("the point, two columns right") << "point" << false << 8 << 6;
    QTest::newRow("the right end, two columns out") << "end" << false << 10 << 6;
    QTest::newRow("the point with Shift") << "point" << true << 8 << 6;
    QTest::newRow("the right end with Shift") << "end" << true << 10 << 6;
    QTest::newRow("key right") << "right" << false << 8 << 5;
    QTest::newRow("shift and key left") << "shift left" << false << 7 << 3;
    QTest::newRow("ctrl and key left") << "ctrl left" << false << 9 << 4;
}

void TestScaledFormats::dragOverAllSelected() {
    QFETCH(QString, by);
    QFETCH(bool, alike);
    QFETCH(int, total);
    QFETCH(int, fraction);
    m_selection.set({m_point, m_activation, m_weight}, m_point);
    views::BitPlot plot(*m_document, m_selection);
    plot.resize(900, 400);
    plot.show();
    QVERIFY(QTest::qWaitForWindowExposed(&plot));
    views::BitRuler* ruler = plot.ruler();
    QTRY_VERIFY(ruler->width() > 500);
    const int column = ruler->cellCentre(0).x() - ruler->cellCentre(1).x();
    if (by == "point" || by == "end")
        dragBy(ruler, by == "point" ? ruler->pointHandle() : ruler->rightHandle(), 2 * column,
               alike ? Qt::ShiftModifier : Qt::NoModifier);
    else
        QTest::keyClick(ruler, by.endsWith("right") ? Qt::Key_Right : Qt::Key_Left,
                        by.startsWith("shift")  ? Qt::ShiftModifier
                        : by.startsWith("ctrl") ? Qt::ControlModifier
                                                : Qt::NoModifier);
    // Each keeps its own method. A scale has no point that could be shifted by as much: it stays, unless all are set.
    QVERIFY(m_document->format(m_point) == (QType{total, fraction, Rounding::Trunc, Overflow::Wrap, {}}));
    const QType pointed{total, fraction, Rounding::Floor, Overflow::SaturateSymmetric, {}};
    QVERIFY(m_document->format(m_activation) == (alike ? pointed : scaled(false)));
    QVERIFY(m_document->format(m_weight) == (alike ? pointed : scaled(true)));
    QCOMPARE(m_document->undoStack()->count(), 1);
    QVERIFY(test::settled(*m_document));
    m_document->undoStack()->undo();
    QVERIFY(m_document->format(m_activation) == scaled(false));
    QVERIFY(m_document->format(m_weight) == scaled(true));
}

void TestScaledFormats::aScaleHasNoWord_data() {
    QTest::addColumn<bool>("perChannel");
    QTest::newRow("one scale") << false;
    QTest::newRow("channels") << true;
}

void TestScaledFormats::aScaleHasNoWord() {
    QFETCH(bool, perChannel);
    m_selection.select(perChannel ? m_weight : m_activation);
    views::BitPlot plot(*m_document, m_selection);
    plot.resize(900, 400);
    plot.show();
    QVERIFY(QTest::qWaitForWindowExposed(&plot));
    QVERIFY(!plot.ruler()->isVisible());
    dragBy(plot.ruler(), plot.ruler()->rect().center(), 90);
    for (const Qt::Key key : {Qt::Key_Left, Qt::Key_Right})
        QTest::keyClick(plot.ruler(), key);
    QTest::mouseClick(plot.childAt(plot.rect().center()), Qt::LeftButton);
    QCOMPARE(m_document->undoStack()->count(), 0);
    QVERIFY(plot.csv().count('\n') > 1);
}

void TestScaledFormats::tableClick_data() {
    QTest::addColumn<bool>("perChannel");
    QTest::addColumn<bool>("all");
    QTest::newRow("one scale") << false << false;
    QTest::newRow("channels") << true << false;
    QTest::newRow("both and a point") << false << true;
}

void TestScaledFormats::tableClick() {
    QFETCH(bool, perChannel);
    QFETCH(bool, all);
    const int slot = perChannel ? m_weight : m_activation;
    m_selection.set({}, -1);
    views::SqnrTable table(*m_document, m_selection);
    table.resize(340, 180);
    table.show();
    m_selection.set(all ? std::vector<int>{m_activation, m_weight, m_point} : std::vector<int>{slot}, slot);
    // The table stands around the format without overflow: one of its integer bits is among these.
    int integer = -40;
    QTRY_VERIFY([&] {
        for (integer = -40; integer < 40 && table.cellOf(10, integer).isNull(); ++integer) {
        }
        return integer < 40;
    }());
    QTest::mouseClick(&table, Qt::LeftButton, {}, table.cellOf(10, integer).center());
    QVERIFY(m_document->format(slot) == (QType{10, 10 - integer, Rounding::Floor, Overflow::SaturateSymmetric, {}}));
    if (all)
        QVERIFY(m_document->format(m_point) == (QType{10, 10 - integer, Rounding::Trunc, Overflow::Wrap, {}}));
    QCOMPARE(m_document->undoStack()->count(), 1);
    QVERIFY(test::settled(*m_document));
}

void TestScaledFormats::refusedByMessage() {
    // The cells with more bits lie beyond the least LSB.
    QVERIFY(set(m_point, {8, 510, {}, {}, {}}));
    m_document->undoStack()->clear();
    m_selection.set({}, -1);
    views::SqnrTable table(*m_document, m_selection);
    table.resize(340, 180);
    table.show();
    m_selection.set({m_point, m_activation}, m_point);
    QTRY_VERIFY(!table.cellOf(12, -502).isNull());
    QSignalSpy failed(m_document.get(), &model::Document::failed);
    QTest::mouseClick(&table, Qt::LeftButton, {}, table.cellOf(12, -502).center());
    QCOMPARE(failed.count(), 1);
    QVERIFY(failed[0][1].toString().contains("514"));
    QCOMPARE(m_document->undoStack()->count(), 0);
    QVERIFY(m_document->format(m_activation) == scaled(false));
}

void TestScaledFormats::slotsOfAnotherModel() {
    m_selection.set({m_point, m_document->slotCount() + 7, -1}, m_point);
    views::BitPlot plot(*m_document, m_selection);
    plot.resize(900, 400);
    plot.show();
    QVERIFY(QTest::qWaitForWindowExposed(&plot));
    QTest::keyClick(plot.ruler(), Qt::Key_Right);
    QCOMPARE(*m_document->format(m_point).fractionalBits, 5);
    QVERIFY(test::settled(*m_document));
}

void TestScaledFormats::panelFields_data() {
    QTest::addColumn<QString>("field");
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("scaled"); ///< still, afterwards
    QTest::newRow("total bits") << "Total bits"
                                << "12" << true;
    QTest::newRow("zero point") << "Zero point"
                                << "17" << true;
    QTest::newRow("scale") << "Scale"
                           << "0.25" << true;
    QTest::newRow("Q") << "Q notation"
                       << "Q3.6" << false;
    QTest::newRow("ap_fixed") << "ap_fixed"
                              << "ap_fixed<9,3,AP_TRN,AP_WRAP>" << false;
    QTest::newRow("fi") << "MATLAB fi"
                        << "fi(1,9,6)" << false;
    QTest::newRow("float") << "Q notation"
                           << "float" << false;
}

void TestScaledFormats::panelFields() {
    QFETCH(QString, field);
    QFETCH(QString, text);
    QFETCH(bool, scaled);
    m_selection.set({m_activation, m_weight}, m_activation);
    views::FormatPanel panel(*m_document, m_selection);
    panel.show();
    auto* edit = this->field<QLineEdit>(panel, field);
    auto* spin = this->field<QSpinBox>(panel, field);
    QVERIFY(edit || spin);
    if (!edit)
        edit = spin->findChild<QLineEdit*>();
    edit->setFocus();
    edit->selectAll();
    QTest::keyClicks(edit, text);
    QTest::keyClick(edit, Qt::Key_Return);
    const QType& format = m_document->format(m_activation);
    QCOMPARE(format.affine.has_value(), scaled);
    QCOMPARE(m_document->undoStack()->count(), 1);
    if (field == "Total bits") {
        QCOMPARE(*format.totalBits, 12);
        QCOMPARE(format.affine->scale[0], 0.0371 / 16); // the range stays, the steps are finer
        QCOMPARE(m_document->format(m_weight).affine->scale[0], 0.023 / 16);
    } else if (field == "Zero point") {
        QCOMPARE(format.affine->zeroPoint[0], std::int64_t{17});
    } else if (field == "Scale") {
        QCOMPARE(format.affine->scale[0], 0.25);
    } else if (text != "float") {
        QCOMPARE(*format.totalBits, 9);
        QCOMPARE(*format.fractionalBits, 6);
        QVERIFY(m_document->format(m_weight) == format);
    } else {
        QVERIFY(format.isFloat());
    }
    QVERIFY(test::settled(*m_document));
}

void TestScaledFormats::panelRefuses() {
    m_selection.select(m_activation);
    views::FormatPanel panel(*m_document, m_selection);
    panel.show();
    QSignalSpy failed(m_document.get(), &model::Document::failed);
    auto* scale = field<QLineEdit>(panel, "Scale");
    scale->setFocus();
    scale->selectAll();
    QTest::keyClicks(scale, "-2");
    QTest::keyClick(scale, Qt::Key_Return);
    QCOMPARE(failed.count(), 1);
    QVERIFY(m_document->format(m_activation) == scaled(false));
    QCOMPARE(scale->text(), QString("0.0371"));
}

void TestScaledFormats::panelShowsWhatNotationsSay() {
    m_selection.select(m_activation);
    views::FormatPanel panel(*m_document, m_selection);
    panel.show();
    QCOMPARE(field<QLineEdit>(panel, "Sign, integer, fraction bits")->text(), QString("×0.0371 −5"));
    for (const char* name : {"Q notation", "ap_fixed", "MATLAB fi"}) {
        QVERIFY(field<QLineEdit>(panel, name)->text().isEmpty());
        QVERIFY(!field<QLineEdit>(panel, name)->placeholderText().isEmpty());
    }
    const auto copied = [&](const QType& type) {
        set(m_activation, type);
        for (auto* button : panel.findChildren<QAbstractButton*>()) {
            if (button->text() == "Copy")
                button->click();
        }
        return QApplication::clipboard()->text();
    };
    QCOMPARE(copied(scaled(false)), QString("×0.0371 −5 FLOOR_SATURATE_SYMMETRIC"));
    QCOMPARE(copied({6, 4, Rounding::Ceil, Overflow::Saturate, {}}), QString("s1.4 CEIL_SATURATE"));
    QVERIFY(field<QLineEdit>(panel, "ap_fixed")->text().isEmpty());
    QCOMPARE(copied({6, 4, Rounding::Floor, Overflow::Wrap, {}}), QString("ap_fixed<6,2,AP_TRN,AP_WRAP>"));
}

void TestScaledFormats::effects_data() {
    aScaleHasNoWord_data();
}

void TestScaledFormats::effects() {
    QFETCH(bool, perChannel);
    const int slot = perChannel ? m_weight : m_activation;
    m_selection.select(slot);
    views::EffectPanel effects(*m_document, m_selection);
    views::ValuesPlot values(*m_document, m_selection);
    for (QWidget* widget : {static_cast<QWidget*>(&effects), static_cast<QWidget*>(&values)}) {
        widget->resize(500, 400);
        widget->show();
        QVERIFY(QTest::qWaitForWindowExposed(widget));
        QTest::mouseMove(widget, widget->rect().center());
        QTest::mouseClick(widget->childAt(widget->rect().center()) ? widget->childAt(widget->rect().center()) : widget,
                          Qt::LeftButton);
    }
    QCOMPARE(field<QLabel>(effects, "Step (LSB)")->text(),
             perChannel ? QString("×0.01…0.023 /%1").arg(scaled(true).affine->scale.size()) : QString("×0.0371 −5"));
    // Symmetric: −127 … 127, about the zero point −5 or 0.
    QCOMPARE(field<QLabel>(effects, "Range")->text(),
             perChannel ? QString("−2.921 … 2.921") : QString("−4.5262 … 4.8972"));
    QCOMPARE(values.csv().count('\n'), quant::kLinearBins + 1);
}

void TestScaledFormats::exactAccumulatorsAreNoBars() {
    const int accumulator = m_document->slotOf("pw.accumulator");
    QVERIFY(accumulator >= 0);
    QVERIFY(set(accumulator, {}));
    views::NetworkPlot plot(*m_document, m_selection);
    const auto lines = [&] { return plot.csv().split('\n').filter("accumulator,"); };
    QCOMPARE(lines(), QStringList{});
    QVERIFY(plot.csv().contains("pw.activation,"));
    QVERIFY(set(accumulator, {12, 6, {}, {}, {}}));
    QCOMPARE(lines().size(), 1);
    QVERIFY(lines()[0].startsWith("pw.accumulator,"));
    QVERIFY(set(accumulator, {}));
    QCOMPARE(lines(), QStringList{});
}

QTEST_MAIN(TestScaledFormats)
#include "tst_scaled_formats.moc"
