#include "app/gui/calibrate_dialog.h"
#include "support/window.h"

#include <QAbstractButton>
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QScrollArea>
#include <QSettings>
#include <QSpinBox>
#include <QStyleOption>
#include <QTest>

using namespace fxp;
using gui::CalibrateDialog;

/// The dialog that asks how to calibrate.
class TestCalibrateDialog : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void init() { QSettings().remove("calibrate"); }
    void choicesAreRemembered();
    void cancelRemembersNothing();
    void textIsWhole_data();
    void textIsWhole();
    void everyMethodIsExplained();

  private:
    template <class Widget> static Widget* named(const QDialog& dialog, const QString& name) {
        for (Widget* widget : dialog.findChildren<Widget*>()) {
            if (widget->accessibleName() == name)
                return widget;
        }
        return nullptr;
    }
    static QCheckBox* box(const QDialog& dialog, const QString& text) {
        for (QCheckBox* widget : dialog.findChildren<QCheckBox*>()) {
            if (widget->text().startsWith(text))
                return widget;
        }
        return nullptr;
    }
};

void TestCalibrateDialog::choicesAreRemembered() {
    {
        CalibrateDialog dialog(0);
        dialog.show();
        auto* bits = named<QSpinBox>(dialog, "Weight bits");
        bits->selectAll();
        QTest::keyClicks(bits, "11");
        auto* accumulators = named<QSpinBox>(dialog, "Accumulator bits");
        accumulators->selectAll();
        QTest::keyClicks(accumulators, "24");
        QTest::keyClick(named<QComboBox>(dialog, "Method"), Qt::Key_Down);
        QTest::keyClick(named<QComboBox>(dialog, "Rounding"), Qt::Key_End);
        QTest::keyClick(named<QComboBox>(dialog, "Overflow"), Qt::Key_End);
        QTest::keyClick(box(dialog, "attention's query"), Qt::Key_Space);
        QTest::keyClick(&dialog, Qt::Key_Return);
        QCOMPARE(dialog.result(), int(QDialog::Accepted));
    }
    const CalibrateDialog dialog(3);
    QCOMPARE(dialog.bits().weights, 11);
    QCOMPARE(dialog.bits().activations, 8);
    QCOMPARE(dialog.bits().accumulators, std::optional(24));
    QCOMPARE(dialog.bits().rounding, quant::kRoundings.back());
    QCOMPARE(dialog.bits().overflow, quant::kOverflows.back());
    QCOMPARE(dialog.options().activations, quant::Method::MinMse);
    QCOMPARE(dialog.options().groups, (std::set{quant::Group::QueryKeyValue}));
    QVERIFY(!dialog.selectedOnly()); // of this selection alone
}

void TestCalibrateDialog::cancelRemembersNothing() {
    {
        CalibrateDialog dialog(0);
        dialog.show();
        named<QSpinBox>(dialog, "Weight bits")->setValue(13);
        QTest::keyClick(&dialog, Qt::Key_Escape);
    }
    QCOMPARE(CalibrateDialog(0).bits().weights, 8);
}

void TestCalibrateDialog::textIsWhole_data() {
    QTest::addColumn<double>("letters"); // times their usual size
    QTest::newRow("usual") << 1.0;
    QTest::newRow("large") << 1.6;
}

/// At the least size that the dialog can be brought to.
void TestCalibrateDialog::textIsWhole() {
    QFETCH(double, letters);
    const QFont before = QApplication::font();
    QFont font = before;
    font.setPointSizeF(font.pointSizeF() * letters);
    QApplication::setFont(font);
    {
        CalibrateDialog dialog(12);
        dialog.show();
        dialog.resize(1, 1);
        QCoreApplication::processEvents();
        for (const QLabel* label : dialog.findChildren<QLabel*>()) {
            const QRect needed = label->fontMetrics().boundingRect(
                QRect(0, 0, label->width(), 9999), label->wordWrap() ? Qt::TextWordWrap : 0, label->text());
            QVERIFY2(needed.width() <= label->width() && needed.height() <= label->height() + 1,
                     qPrintable(label->text()));
        }
        for (const QAbstractButton* button : dialog.findChildren<QAbstractButton*>()) {
            if (!button->text().isEmpty())
                QVERIFY2(button->width() >= button->minimumSizeHint().width(), qPrintable(button->text()));
        }
        for (const QComboBox* combo : dialog.findChildren<QComboBox*>())
            QVERIFY2(combo->width() >= combo->minimumSizeHint().width(), qPrintable(combo->accessibleName()));
        // On a small screen the fields scroll, and the buttons stay.
        QVERIFY(dialog.height() < 400 * letters);
        const auto* scroll = dialog.findChild<QScrollArea*>();
        QVERIFY(scroll->widget()->width() <= scroll->viewport()->width());
    }
    QApplication::setFont(before);
}

void TestCalibrateDialog::everyMethodIsExplained() {
    CalibrateDialog dialog(1);
    const auto* method = named<QComboBox>(dialog, "Method");
    QSet<QString> tips;
    for (int i = 0; i < method->count(); ++i)
        tips << method->itemData(i, Qt::ToolTipRole).toString();
    QCOMPARE(tips.size(), 5);
    QVERIFY(!tips.contains(QString()));
    for (const QWidget* widget : dialog.findChildren<QWidget*>()) {
        const bool control = qobject_cast<const QAbstractButton*>(widget) || qobject_cast<const QComboBox*>(widget) ||
                             qobject_cast<const QAbstractSpinBox*>(widget);
        if (control && widget->parentWidget()->metaObject()->className() != QByteArray("QSpinBox"))
            QVERIFY2(!widget->toolTip().isEmpty(), qPrintable(widget->accessibleName()));
    }
}

QTEST_MAIN(TestCalibrateDialog)
#include "tst_calibrate_dialog.moc"
