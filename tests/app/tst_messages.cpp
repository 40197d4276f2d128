#include "app/gui/message_strip.h"
#include "app/gui/run_strip.h"
#include "support/golden.h"
#include "support/window.h"

#include <QAbstractButton>
#include <QFile>
#include <QHash>
#include <QLabel>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>

using namespace fxp;

Q_DECLARE_METATYPE(fxp::quant::QType)

/// What the window says in its strips, and for how long.
class TestMessages : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void aQConfigByHandIsNoted_data();
    void aQConfigByHandIsNoted();
    void divisorsThatBecameZeroAreTold();
    void aCollapsedRunNamesTheFirstTensor_data();
    void aCollapsedRunNamesTheFirstTensor();
    void everyTensorIsFloatUntilOneIsNot();
    void randomSamplesAreNotedWhileTheyAre();
    void aRefusedEditIsToldUntilTheNext();
    void messagesMoveNothing();
    void filesCannotColourMessages_data();
    void filesCannotColourMessages();

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
        QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("bn1.weight") < 0, 120'000);
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
    QTRY_COMPARE_WITH_TIMEOUT(window->document().qconfigFile(), file, 120'000);
    QCOMPARE(window->document().slotOf("bn1.weight") < 0, folded);
    QVERIFY(window->findChild<gui::MessageStrip*>("notice")->text().contains("model.sha256"));
}

void TestMessages::divisorsThatBecameZeroAreTold() {
    const auto window = test::cnnWindow();
    QVERIFY(window);
    auto& document = window->document();
    auto* strip = window->findChild<gui::RunStrip*>();
    const int first = document.slotOf("bn1.running_var"), second = document.slotOf("bn2.running_var");
    const auto said = [&] { return test::settled(document) ? strip->text() : QString("nothing settles"); };
    QCOMPARE(said(), QString());
    const quant::QType coarse{8, -20, {}, {}}; // steps of 2^20: no variance reaches half of one
    document.setFormats({{second, coarse}}, "second");
    QVERIFY2(said().contains("First below 10 dB: bn2.running_var, 16 of 16 values became 0. The layer divides by it."),
             qPrintable(strip->text()));
    document.setFormats({{first, coarse}}, "first");
    QVERIFY2(said().contains("First below 10 dB: bn1.running_var, 16 of 16 values became 0. The layer divides by it."),
             qPrintable(strip->text()));
    QVERIFY(strip->text().contains("bn2.running_var is divided by: 16 of 16 values became 0"));
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
    QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("embed.input") >= 0, 120'000);
    QCOMPARE(said(), QString());
}

void TestMessages::aCollapsedRunNamesTheFirstTensor_data() {
    QTest::addColumn<QString>("tensor");
    QTest::addColumn<quant::QType>("format");
    QTest::addColumn<QString>("what");
    QTest::newRow("too coarse") << "encoder.layers.0.norm1.var_tensor" << quant::QType{8, -20, {}, {}}
                                << "values became 0";
    QTest::newRow("too small") << "stem.0.activation" << quant::QType{8, 20, {}, {}} << "values overflow";
    QTest::newRow("a weight") << "head.weight" << quant::QType{2, -20, {}, {}} << "values became 0";
}

void TestMessages::aCollapsedRunNamesTheFirstTensor() {
    QFETCH(QString, tensor);
    QFETCH(quant::QType, format);
    QFETCH(QString, what);
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    auto* strip = window->findChild<gui::RunStrip*>();
    QCOMPARE(strip->text(), QString());
    document.setFormats({{document.slotOf(tensor), format}}, "edit");
    QVERIFY(test::settled(document));
    QVERIFY(document.result()->outputs.front().sqnr < 10);
    const QString first = "First below 10 dB: " + tensor + ", ";
    QVERIFY2(strip->text().contains(first) && strip->text().contains(what), qPrintable(strip->text()));
    QCOMPARE(strip->kind(), gui::MessageStrip::Kind::Warning);
    QVERIFY(test::statusShows(*window, "dB, collapsed"));
    const auto labels = window->findChildren<QLabel*>("danger");
    QVERIFY(std::ranges::any_of(labels, [](QLabel* label) { return label->text().contains("collapsed"); }));
    document.undoStack()->undo();
    QVERIFY(test::settled(document));
    QCOMPARE(strip->text(), QString());
    QVERIFY(!test::statusShows(*window, "collapsed"));
}

void TestMessages::everyTensorIsFloatUntilOneIsNot() {
    const auto window = test::cnnWindow();
    QVERIFY(window);
    auto& document = window->document();
    auto* strip = window->findChild<gui::MessageStrip*>("notice");
    QVERIFY(strip && strip->text().contains("Every tensor is float"));
    QCOMPARE(strip->kind(), gui::MessageStrip::Kind::Note);
    document.setFormats({{document.slotOf("fc.weight"), {8, 6, {}, {}}}}, "edit");
    QCOMPARE(strip->text(), QString());
}

void TestMessages::randomSamplesAreNotedWhileTheyAre() {
    gui::MainWindow window;
    window.show();
    auto& document = window.document();
    const QString folder = QString::fromStdString(test::modelFolder()) + "/digits_cnn";
    model::OpenRequest request;
    request.model = folder + "/traced.pt";
    request.inputs["image"].kind = model::InputSource::Kind::Random;
    request.inputs["image"].shape = {4, 1, 8, 8};
    document.openModel(request);
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !document.isBusy(), 120'000);
    const auto strips = window.findChildren<gui::MessageStrip*>();
    const auto said = [&](const QString& text) {
        return std::ranges::any_of(strips, [&](gui::MessageStrip* strip) { return strip->text().contains(text); });
    };
    QVERIFY(said("random"));
    document.setFormats({{document.slotOf("fc.weight"), {8, 6, {}, {}}}}, "edit");
    QVERIFY(said("random")); // still so
    window.openFiles({folder + "/inputs.npz"});
    QTRY_VERIFY_WITH_TIMEOUT(!document.model()->randomSamples, 120'000);
    QVERIFY(!said("random"));
    QVERIFY(test::settled(document));
}

void TestMessages::aRefusedEditIsToldUntilTheNext() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    document.setFormats({{0, {1, 0, {}, {}}}}, "edit");
    const auto strips = window->findChildren<gui::MessageStrip*>();
    const auto error = std::ranges::find_if(strips, [](gui::MessageStrip* strip) { return !strip->text().isEmpty(); });
    QVERIFY(error != strips.end());
    QCOMPARE((*error)->kind(), gui::MessageStrip::Kind::Error);
    QCOMPARE((*error)->accessibleName(), QString("Error"));
    QVERIFY((*error)->text().startsWith("Error"));
    document.setFormats({{0, {9, 5, {}, {}}}}, "edit");
    QCOMPARE((*error)->text(), QString());
    QVERIFY(test::settled(document));
}

/// What is under the pointer stays there when a message comes or goes.
void TestMessages::messagesMoveNothing() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    QVERIFY(test::settled(window->document()));
    QTest::qWait(100); // the figures' texts have their places
    QHash<QWidget*, QRect> places;
    for (QWidget* widget : window->findChildren<QWidget*>()) {
        if (widget->isVisible())
            places.insert(widget, QRect(widget->mapToGlobal(QPoint()), widget->size()));
    }
    Q_EMIT window->document().failed("somewhere", "that did not work", "try again");
    QCoreApplication::processEvents();
    QCoreApplication::sendPostedEvents(nullptr, QEvent::LayoutRequest);
    const auto strips = window->findChildren<gui::MessageStrip*>();
    const auto error = std::ranges::find_if(strips, [](gui::MessageStrip* strip) { return strip->isVisible(); });
    QVERIFY(error != strips.end());
    const QRect area((*error)->mapTo(window.get(), QPoint()), (*error)->size());
    QVERIFY2(window->rect().contains(area), qPrintable(QString("%1 + %2").arg(area.y()).arg(area.height())));
    QVERIFY(area.height() >= (*error)->heightForWidth(area.width())); // the whole text
    for (auto it = places.begin(); it != places.end(); ++it)
        QVERIFY2(QRect(it.key()->mapToGlobal(QPoint()), it.key()->size()) == it.value(),
                 it.key()->metaObject()->className());
}

void TestMessages::filesCannotColourMessages_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("shown");
    QTest::newRow("lines") << "a\nb.pt"
                           << "a b.pt";
    QTest::newRow("what a terminal obeys") << "a\x1b[31mb.pt"
                                           << "a [31mb.pt";
    QTest::newRow("direction of writing") << QStringLiteral("a\u202Eb.pt") << "a b.pt";
    QTest::newRow("markup") << "<i>a</i>&b.pt"
                            << "&lt;i&gt;a&lt;/i&gt;&amp;b.pt";
}

/// A file's name is shown as text in one line, whatever is in it.
void TestMessages::filesCannotColourMessages() {
    QFETCH(QString, name);
    QFETCH(QString, shown);
    gui::MainWindow window;
    window.show();
    auto* strip = window.findChild<gui::MessageStrip*>();
    window.document().openModel("/no/such/folder/" + name);
    QTRY_VERIFY_WITH_TIMEOUT(strip->isVisible(), 30'000);
    QVERIFY2(strip->text().contains(shown), qPrintable(strip->text()));
    strip->showNotice(name);
    QCOMPARE(strip->text(), shown);
    for (const QChar c : strip->text())
        QVERIFY(c.isPrint() || c == ' ');
}

QTEST_MAIN(TestMessages)
#include "tst_messages.moc"
