#include "model/layer_filter.h"

#include <QTest>

#include <limits>

using fxp::model::FilteredTensor;
using fxp::model::LayerFilter;

/// The language of the tree's filter, on tensors made up for it.
class TestLayerFilter : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void accepts_data();
    void accepts();
    void problems_data();
    void problems();
    void helpNamesAll();

  private:
    static const std::vector<FilteredTensor> kTensors;
};

// Told apart by one letter: w(eight), a(ctivation), n(orm), f(loat).
const std::vector<FilteredTensor> TestLayerFilter::kTensors{
    {"block.0.linear1.weight", "linear", "s0.7", 8, 0, 41.04, 41.04, 0.02},
    {"block.0.linear1.activation", "linear", "s1.4", 6, 0.039, 19.2, 19.1, 0.025},
    {"block.norm1.var_tensor", "layer_norm", "s3.12", 16, 0.00001, 30.02, 25, 0},
    {"head.activation", "aten::add", "float", 32, 0, std::numeric_limits<double>::infinity(), 24.96}};

void TestLayerFilter::accepts_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("shown");
    const auto row = [](const char* text, const char* shown) { QTest::newRow(text) << text << shown; };
    row("", "wanf");
    row("  , ,", "wanf");
    row("linear1", "wa");
    row("LINEAR1", "wa");
    row("linear1 act", "a");
    row("linear1, act", "a");
    row("linear1 and act", "a");
    row("weight or var_tensor", "wn");
    row("weight or linear1 activation", "wa"); // “and” holds closer
    row("(weight or var) block.0", "w");
    row("not linear1", "nf");
    row("not (linear1 or head)", "n");
    row("block not weight", "an");
    row("layer_norm", "n"); // the type
    row("aten::add", "f");
    row("type: linear", "wa");
    row("type = linear", "wa");
    row("type: norm", "n");
    row("type = norm", "");
    row("type != linear", "nf");
    row("name: linear1.w", "w");
    row("format = s1.4", "a");
    row("format: s", "wan");
    row("format != float", "wan");
    row("\"or\"", "n"); // n*or*m1, var_tens*or*
    row("\"linear1 act\"", "");
    row("orange", "");
    row("bits > 8", "nf");
    row("bits >= 8", "wnf");
    row("bits < 8", "a");
    row("bits <= 8 bits", "wa");
    row("bits = 8", "w");
    row("bits == 8 bit", "w");
    row("bits != 8", "anf");
    row("bits>6bits", "wnf");
    row("Overflow > 1 %", "a");
    row("overflow > 1%", "a");
    row("overflow > 1", "a");
    row("overflow = 0", "wf"); // 0.001 % is not 0
    row("overflow != 0", "an");
    row("overflow > 0", "an");
    row("overflow = 3.9 %", "a");
    row("SQNR < 30 dB", "a");
    row("sqnr <= 30.02dB", "an");
    row("sqnr = 30 db", "n"); // as it is shown
    row("sqnr = inf", "f");
    row("sqnr ≥ 41", "wf");
    row("sqnr > -3 sqnr < ∞", "wan");
    row("vs float >= 25", "wn");
    row("VS  Float = 25 dB", "nf");
    row("vs float", ""); // two words, and no path has “vs” in it
    row("zero > 2 %", "a");
    row("zero >= 2 %", "wa");
    row("zero = 0", "n"); // no figure is not 0
    row("zero != 0", "wa");
    row("bits > 4 linear1", "wa");
    row("bits > 4 or head", "wanf");
    row("overflow > 1 % or sqnr > 40 dB and not head", "wa");
    row("sqnr > 20 and sqnr < 35", "n");
    row("overflow > 1e-1 %", "a");
    row("overflow > .5", "a");
    // What is wrong is left out, and the rest holds.
    row("linear1 overflow >", "wa");
    row("overflow > 3 dB, head", "f");
    row("weight or", "w");
    row("not", "wanf");
    row("(weight", "w");
    row("weight) head", "");
    row("colour = 3 head", "f");
    row("> 3 head", "f");
}

void TestLayerFilter::accepts() {
    QFETCH(QString, text);
    QFETCH(QString, shown);
    const LayerFilter filter = LayerFilter::parse(text);
    QString found;
    for (std::size_t i = 0; i < kTensors.size(); ++i) {
        if (filter.accepts(kTensors[i]))
            found += "wanf"[i];
    }
    QCOMPARE(found, shown);
}

void TestLayerFilter::problems_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("wrong"); // the parts, with | between them
    QTest::addColumn<QString>("said");
    const auto row = [](const char* text, const char* wrong, const char* said) {
        QTest::newRow(text) << text << wrong << said;
    };
    row("linear, overflow > 1 %", "", "");
    row("a or (b and not c) sqnr <= -3 dB", "", "");
    row("linear overflow >", "overflow >", "overflow > 1 %");
    row("overflow > much, b", "overflow > much", "number");
    row("overflow > 1 dB", "overflow > 1 dB", "in %, not in “dB”");
    row("sqnr < 30 % or b", "sqnr < 30 %", "in dB, not in “%”");
    row("bits > 8dB", "bits > 8dB", "in bits");
    row("colour >= 8 bits a", "colour >= 8 bits", "bits, overflow, sqnr, vs float, zero");
    row("a >", "a >", "no figure");
    row(">= 8", ">= 8", "missing before");
    row("bits => 8", "=>", "use >, >=, <, <=, = or !=");
    row("bits ! 8", "!", "no comparison");
    row("type > linear", "type > linear", "compared by");
    row("type:", "type:", "word is missing");
    row("a or", "or", "either side");
    row("or a", "or", "either side");
    row("a or or b", "or", "either side");
    row("not", "not", "behind it");
    row("not or b", "not", "behind it");
    row("(a or b", "(", "needs a “)”");
    row("a) b", ")", "No “(”");
    row("\"a b", "\"a b", "quote");
    row("bits > x, sqnr > y", "bits > x|sqnr > y", "");
}

void TestLayerFilter::problems() {
    QFETCH(QString, text);
    QFETCH(QString, wrong);
    QFETCH(QString, said);
    const LayerFilter filter = LayerFilter::parse(text);
    QStringList parts;
    for (const LayerFilter::Problem& problem : filter.problems()) {
        parts << text.mid(problem.at, problem.length);
        QVERIFY2(problem.text.contains(said), qPrintable(problem.text));
    }
    QCOMPARE(parts.join('|'), wrong);
}

void TestLayerFilter::helpNamesAll() {
    for (const char* word : {"bits", "overflow", "sqnr", "vs float", "zero", "name", "type", "format", "not", "or",
                             "and", "&gt;=", "&lt;=", "!=", "%", "dB"})
        QVERIFY2(LayerFilter::help().contains(word), word);
}

QTEST_GUILESS_MAIN(TestLayerFilter)
#include "tst_layer_filter.moc"
