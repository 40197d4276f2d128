#include "app/gui/log_dialog.h"
#include "support/window.h"

#include <QCheckBox>
#include <QHeaderView>
#include <QSignalSpy>
#include <QTableWidget>
#include <QTest>

using namespace fxp;
using Kind = quant::LogDifference::Kind;

/// The comparison with a log as its reader uses it.
class TestLogDialog : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void onlyDifferencesAreShown();
    void headsSortWorstFirst();
    void aRowGoesToItsTensor();
    void aLogWithoutValuesIsOneSentence();

  private:
    static quant::LogDifference row(const char* key, Kind kind, std::int64_t different = 0, double largest = 0);
    static const std::vector<quant::LogDifference> kRows;
    static QStringList shown(const gui::LogDialog& dialog);
};

quant::LogDifference TestLogDialog::row(const char* key, Kind kind, std::int64_t different, double largest) {
    quant::LogDifference difference;
    difference.key = key;
    difference.kind = kind;
    difference.count = 100;
    difference.different = different;
    difference.largest = largest;
    return difference;
}

const std::vector<quant::LogDifference> TestLogDialog::kRows{
    row("a.input", Kind::Equal), row("a.weight", Kind::Values, 9, 0.5), row("a.activation", Kind::Values, 80, 0.25),
    row("b.input", Kind::OnlyInLog), row("b.activation", Kind::Values, 10, 12)};

QStringList TestLogDialog::shown(const gui::LogDialog& dialog) {
    const auto* table = dialog.findChild<QTableWidget*>();
    QStringList names;
    for (int row = 0; row < table->rowCount(); ++row) {
        if (!table->isRowHidden(row))
            names << table->item(row, 0)->text();
    }
    return names;
}

void TestLogDialog::onlyDifferencesAreShown() {
    gui::LogDialog dialog("log.json", kRows, [](const QString&) { return true; });
    dialog.show();
    // In the order of computation: the first is where it began.
    QCOMPARE(shown(dialog), QStringList({"a.weight", "a.activation", "b.input", "b.activation"}));
    auto* only = dialog.findChild<QCheckBox*>();
    QTest::mouseClick(only, Qt::LeftButton, {}, QPoint(8, only->height() / 2));
    QCOMPARE(shown(dialog).size(), 5);
}

void TestLogDialog::headsSortWorstFirst() {
    gui::LogDialog dialog("log.json", kRows, [](const QString&) { return true; });
    dialog.show();
    auto* header = dialog.findChild<QTableWidget*>()->horizontalHeader();
    const auto click = [&](int column) {
        QTest::mouseClick(header->viewport(), Qt::LeftButton, {},
                          QPoint(header->sectionViewportPosition(column) + 12, header->height() / 2));
    };
    click(2);
    QCOMPARE(shown(dialog), QStringList({"b.activation", "a.weight", "a.activation", "b.input"}));
    click(2);
    QCOMPARE(shown(dialog), QStringList({"b.input", "a.activation", "a.weight", "b.activation"}));
    click(1);
    QCOMPARE(shown(dialog), QStringList({"b.input", "a.activation", "b.activation", "a.weight"}));
    click(0);
    QCOMPARE(shown(dialog), QStringList({"a.activation", "a.weight", "b.activation", "b.input"}));
}

void TestLogDialog::aRowGoesToItsTensor() {
    gui::LogDialog dialog("log.json", kRows, [](const QString& path) { return path != "b.input"; });
    dialog.show();
    QSignalSpy chosen(&dialog, &gui::LogDialog::tensorChosen);
    auto* table = dialog.findChild<QTableWidget*>();
    table->setCurrentCell(2, 0);
    QTest::keyClick(table, Qt::Key_Return);
    QCOMPARE(chosen.count(), 1);
    QCOMPARE(chosen[0][0].toString(), QString("a.activation"));
    table->setCurrentCell(3, 0);
    QTest::keyClick(table, Qt::Key_Return);
    QCOMPARE(chosen.count(), 1); // the model has no such tensor
}

void TestLogDialog::aLogWithoutValuesIsOneSentence() {
    const std::vector<quant::LogDifference> rows{row("a.input", Kind::NotStored), row("a.weight", Kind::NotStored)};
    const gui::LogDialog dialog("log.json", rows, [](const QString&) { return true; });
    const auto labels = dialog.findChildren<QLabel*>();
    QVERIFY(
        std::ranges::any_of(labels, [](QLabel* label) { return label->text().startsWith("The log has no values"); }));
    QCOMPARE(shown(dialog).size(), 2);
}

QTEST_MAIN(TestLogDialog)
#include "tst_log_dialog.moc"
