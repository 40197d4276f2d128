#include "support/window.h"
#include "views/elided_label.h"

#include <QSettings>

using namespace fxp;

namespace {

/// What the window said when figures came, in their order.
struct Seen {
    std::int64_t samples = 0; ///< that the selected tensor's figures are of; 0: there are none
    int tensors = 0;          ///< with figures
    bool complete = false;
    QString title;
};

} // namespace

/// After opening, the selected tensor is computed first, and says so while not all samples have been seen.
class TestFirstRun : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void cleanup() { QSettings().remove("memoryGiB"); }
    void selectedTensorComesFirst_data();
    void selectedTensorComesFirst();
};

void TestFirstRun::selectedTensorComesFirst_data() {
    QTest::addColumn<double>("memory"); // GiB
    QTest::addColumn<bool>("inParts");
    QTest::newRow("all samples at once") << 1.0 << false;
    QTest::newRow("a few samples at a time") << 0.001 << true;
}

void TestFirstRun::selectedTensorComesFirst() {
    QFETCH(double, memory);
    QFETCH(bool, inParts);
    QSettings().setValue("memoryGiB", memory);
    gui::MainWindow window;
    window.show();
    auto& document = window.document();
    std::vector<Seen> seen;
    const QString path = "encoder.layers.1.linear1.activation";
    // The user selects the tensor as soon as the model is there.
    connect(&document, &model::Document::modelOpened, this, [&] { window.selection().select(document.slotOf(path)); });
    connect(&document, &model::Document::resultChanged, this, [&] {
        const auto result = document.result();
        if (!result)
            return;
        Seen now;
        if (const auto slot = document.slotResult(document.slotOf(path)))
            now.samples = slot->seenSamples;
        now.tensors =
            static_cast<int>(std::ranges::count_if(result->slots, [](const auto& s) { return s != nullptr; }));
        now.complete = result->complete;
        for (const auto* label : window.findChildren<views::ElidedLabel*>()) {
            if (label->fullText().contains(" values "))
                now.title = label->fullText();
        }
        seen.push_back(now);
    });
    const QString folder = QString::fromStdString(test::modelFolder()) + "/digits_transformer";
    window.openFiles({folder + "/traced.pt", folder + "/inputs.npz"});
    QVERIFY(QTest::qWaitFor([&] { return !seen.empty() && seen.back().complete; }, 120'000));
    const auto first = std::ranges::find_if(seen, [](const Seen& one) { return one.samples > 0; });
    QVERIFY(first != seen.end());
    QVERIFY(!first->complete);
    const std::int64_t count = document.model()->sampleCount;
    // The tensors before it in the window's order are not there: at most the first one, which is selected on opening.
    QVERIFY2(first->tensors <= 2, qPrintable(QString::number(first->tensors)));
    QCOMPARE(first->samples < count, inParts);
    const QString part = QString("of the first %1 of %2 samples").arg(first->samples).arg(count);
    QVERIFY2(first->title.contains(part) == inParts, qPrintable(first->title));
    QCOMPARE(seen.back().samples, count);
    QVERIFY2(seen.back().title.contains("over all samples"), qPrintable(seen.back().title));
    for (std::size_t i = 1; i < seen.size(); ++i)
        QVERIFY(seen[i].samples >= seen[i - 1].samples);
}

QTEST_MAIN(TestFirstRun)
#include "tst_first_run.moc"
