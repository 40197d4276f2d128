#include "app/gui/divisor_strip.h"
#include "app/gui/message_strip.h"
#include "support/golden.h"
#include "support/window.h"

#include <QAbstractButton>
#include <QFile>
#include <QLabel>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>

using namespace fxp;

/// What the window says in its strips, and for how long.
class TestMessages : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void aQConfigByHandIsNoted_data();
    void aQConfigByHandIsNoted();
    void divisorsThatBecameZeroAreTold();

  private:
    QTemporaryDir m_files;
};

void TestMessages::aQConfigByHandIsNoted_data() {
    QTest::addColumn<bool>("folded");
    QTest::newRow("same tensors") << false;
    QTest::newRow("other batch norms folded") << true;
}

void TestMessages::aQConfigByHandIsNoted() {
    QFETCH(bool, folded);
    const auto window = test::cnnWindow();
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

void TestMessages::divisorsThatBecameZeroAreTold() {
    const auto window = test::cnnWindow();
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

QTEST_MAIN(TestMessages)
#include "tst_messages.moc"
