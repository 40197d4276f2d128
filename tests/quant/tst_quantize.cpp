#include "quant/calibrate/fit.h"
#include "quant/core/error.h"
#include "quant/core/notation.h"
#include "quant/core/quantize.h"
#include "quant/core/rounding.h"
#include "quant/io/qconfig.h"
#include "support/golden.h"

#include <ATen/ATen.h>

#include <QTest>

#include <cmath>

using namespace fxp;
using namespace fxp::quant;

class TestQuantize : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void golden_data();
    void golden();
    void methods_data();
    void methods();
    void tiesInDouble_data();
    void tiesInDouble();
    void minMseIgnoresNan();
    void stochasticIsUnbiased();
    void validation_data();
    void validation();
    void partialFormatNamesTheTensor();
    void notation_data();
    void notation();
};

void TestQuantize::golden_data() {
    QTest::addColumn<int>("index");
    const test::Json cases = test::readJson(test::goldenFolder() + "/quantize.json");
    for (std::size_t i = 0; i < cases.size(); ++i)
        QTest::addRow("%zu: %s", i, cases[i]["qtype"].dump().c_str()) << static_cast<int>(i);
}

void TestQuantize::golden() {
    QFETCH(int, index);
    static const test::Json cases = test::readJson(test::goldenFolder() + "/quantize.json");
    const test::Json& item = cases[static_cast<std::size_t>(index)];
    const auto count = static_cast<std::int64_t>(item["x"].size());
    const at::Tensor x = test::tensorFromBits({{"shape", {count}}, {"float32_bits", item["x"]}});
    const at::Tensor y = test::tensorFromBits({{"shape", {count}}, {"float32_bits", item["y"]}});
    QVERIFY(test::sameBits(quantize(x, formatFromJson(item["qtype"], ""), "x"), y));
}

void TestQuantize::methods_data() {
    QTest::addColumn<Rounding>("rounding");
    QTest::addColumn<Overflow>("overflow");
    QTest::addColumn<float>("x");
    QTest::addColumn<float>("y");
    const auto row = [](const char* name, Rounding r, Overflow o, float x, float y) {
        QTest::newRow(name) << r << o << x << y;
    };
    // Format s1.1, T = 3: integers −4 … 3, values −2 … 1.5.
    const auto saturate = Overflow::Saturate;
    row("tie to even, down", Rounding::Round, saturate, 0.25f, 0.0f);
    row("tie to even, up", Rounding::Round, saturate, 0.75f, 1.0f);
    row("trunc goes to zero", Rounding::Trunc, saturate, -0.75f, -0.5f);
    row("floor goes down", Rounding::Floor, saturate, -0.75f, -1.0f);
    row("ceil goes up", Rounding::Ceil, saturate, -0.75f, -0.5f);
    row("half up, negative", Rounding::RoundHalfUp, saturate, -0.25f, 0.0f);
    row("half up, positive", Rounding::RoundHalfUp, saturate, 0.25f, 0.5f);
    row("half down, positive", Rounding::RoundHalfDown, saturate, 0.25f, 0.0f);
    row("half down, negative", Rounding::RoundHalfDown, saturate, -0.25f, -0.5f);
    row("half away, negative", Rounding::RoundHalfAway, saturate, -0.25f, -0.5f);
    row("half away, positive", Rounding::RoundHalfAway, saturate, 0.25f, 0.5f);
    row("half to zero, negative", Rounding::RoundHalfZero, saturate, -0.25f, 0.0f);
    row("half to zero, above the tie", Rounding::RoundHalfZero, saturate, -0.26f, -0.5f);
    row("just below a half", Rounding::RoundHalfUp, saturate, 0.24999999f, 0.0f);
    row("saturate high", Rounding::Round, saturate, 9, 1.5f);
    row("saturate low", Rounding::Round, saturate, -9, -2);
    row("symmetric low", Rounding::Round, Overflow::SaturateSymmetric, -9, -1.5f);
    row("symmetric at the edge", Rounding::Round, Overflow::SaturateSymmetric, -2, -1.5f);
    row("zero high", Rounding::Round, Overflow::SaturateZero, 2, 0);
    row("zero keeps the lowest", Rounding::Round, Overflow::SaturateZero, -2, -2);
    row("wrap by one", Rounding::Round, Overflow::Wrap, 2, -2);
    row("wrap low", Rounding::Round, Overflow::Wrap, -2.5f, 1.5f);
    row("wrap far", Rounding::Round, Overflow::Wrap, 1000.5f, 0.5f);
    row("wrap infinity saturates", Rounding::Round, Overflow::Wrap, INFINITY, 1.5f);
    row("infinity saturates", Rounding::Floor, saturate, -INFINITY, -2);
}

void TestQuantize::methods() {
    QFETCH(Rounding, rounding);
    QFETCH(Overflow, overflow);
    QFETCH(float, x);
    QFETCH(float, y);
    const QType type{3, 1, rounding, overflow};
    const at::Tensor many = quantize(at::full({37}, x), type, "x");
    QVERIFY(at::equal(many + 0.0, at::full({37}, y)));
    QCOMPARE(quantizeOne(x, type, limits(type), 0).value, y);
}

void TestQuantize::tiesInDouble_data() {
    QTest::addColumn<Rounding>("rounding");
    QTest::addColumn<int>("tie"); ///< where k + 1/2 goes: −1 down, 1 up, 0 toward zero, 2 away from it, 3 to even
    QTest::newRow("ROUND") << Rounding::Round << 3;
    QTest::newRow("ROUND_HALF_UP") << Rounding::RoundHalfUp << 1;
    QTest::newRow("ROUND_HALF_DOWN") << Rounding::RoundHalfDown << -1;
    QTest::newRow("ROUND_HALF_AWAY") << Rounding::RoundHalfAway << 2;
    QTest::newRow("ROUND_HALF_ZERO") << Rounding::RoundHalfZero << 0;
}

/// A real-valued scale divides in float64: one ulp beside a tie is on its side of it.
void TestQuantize::tiesInDouble() {
    QFETCH(Rounding, rounding);
    QFETCH(int, tie);
    for (int k = -4; k <= 3; ++k) {
        const double half = k + 0.5;
        QCOMPARE(roundTo(std::nextafter(half, -INFINITY), rounding, 0), k);
        QCOMPARE(roundTo(std::nextafter(half, INFINITY), rounding, 0), k + 1);
        const bool up = tie == 3 ? k % 2 != 0 : tie == 2 ? k >= 0 : tie == 0 ? k < 0 : tie > 0;
        QCOMPARE(roundTo(half, rounding, 0), up ? k + 1 : k);
    }
}

/// Among formats of 4 bits, by float64 arithmetic of its own.
void TestQuantize::minMseIgnoresNan() {
    at::Tensor x = at::arange(-300, 301, at::kFloat) / 500;
    x[7] = 3.1f; // clipping this one costs less than coarse steps for all others
    const QType given{4, {}, Rounding::Round, Overflow::Saturate};
    const auto error = [&](int fraction) {
        double sum = 0;
        for (std::int64_t i = 0; i < x.numel(); ++i) {
            const double value = x[i].item<float>(), unit = std::pow(2.0, -fraction);
            const double integer = std::min(7.0, std::max(-8.0, std::nearbyint(value / unit)));
            sum += (integer * unit - value) * (integer * unit - value);
        }
        return sum;
    };
    int best = 1;
    for (int fraction = 1; fraction <= 11; ++fraction)
        best = error(fraction) < error(best) ? fraction : best;
    QVERIFY(best > 1);
    const at::Tensor withNan = at::cat({x, at::full({3}, NAN)});
    QCOMPARE(fit({x}, {-0.6, 3.1}, given, Method::MinMse, {}, -1, "x").fractionalBits, best);
    QCOMPARE(fit({withNan}, {-0.6, 3.1}, given, Method::MinMse, {}, -1, "x").fractionalBits, best);
}

void TestQuantize::stochasticIsUnbiased() {
    const QType type{8, 2, Rounding::Stochastic, Overflow::Saturate};
    const at::Tensor x = at::full({100'000}, 0.3f);
    const at::Tensor y = quantize(x, type, "x", 5);
    QVERIFY(std::abs(y.mean().item<double>() - 0.3) < 0.005); // σ of the mean: 0.0004
    QVERIFY(at::equal(y, quantize(x, type, "x", 5)));
    QVERIFY(!at::equal(y, quantize(x, type, "x", 6)));
    QVERIFY(((y == 0.25) | (y == 0.5)).all().item<bool>());
}

void TestQuantize::validation_data() {
    QTest::addColumn<int>("total");
    QTest::addColumn<bool>("legal");
    QTest::newRow("1 bit") << 1 << false;
    QTest::newRow("2 bits") << 2 << true;
    QTest::newRow("64 bits") << 64 << true;
    QTest::newRow("65 bits") << 65 << false;
}

void TestQuantize::validation() {
    QFETCH(int, total);
    QFETCH(bool, legal);
    QType type;
    type.totalBits = total;
    type.fractionalBits = 0;
    if (legal) {
        validate(type, "a.weight");
    } else {
        try {
            validate(type, "a.weight");
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.where, std::string("a.weight"));
        }
    }
}

void TestQuantize::partialFormatNamesTheTensor() {
    QType type;
    type.totalBits = 8;
    try {
        quantize(at::ones({3}), type, "fc.input");
        QFAIL("accepted");
    } catch (const Error& error) {
        QCOMPARE(error.where, std::string("fc.input"));
        QVERIFY(error.problem.find("fractional_bits") != std::string::npos);
    }
}

void TestQuantize::notation_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<int>("total");
    QTest::addColumn<int>("fraction");
    QTest::newRow("sign, integer, fraction") << "s1.4" << 6 << 4;
    QTest::newRow("Q") << "Q2.4" << 6 << 4;
    QTest::newRow("ap_fixed") << "ap_fixed<6,2,AP_RND_CONV,AP_SAT>" << 6 << 4;
    QTest::newRow("fi") << "fi(1,6,4)" << 6 << 4;
    QTest::newRow("negative integer bits") << "s-3.10" << 8 << 10;
    QTest::newRow("negative fraction bits") << "Q12.-4" << 8 << -4;
    QTest::newRow("nonsense") << "x1.4" << -1 << 0;
    QTest::newRow("one bit") << "s0.0" << -1 << 0;
    QTest::newRow("unknown mode") << "ap_fixed<6,2,AP_NONE>" << -1 << 0;
}

void TestQuantize::notation() {
    QFETCH(QString, text);
    QFETCH(int, total);
    QFETCH(int, fraction);
    const auto type = parseNotation(text.toStdString(), {});
    QCOMPARE(type.has_value(), total > 0);
    if (!type)
        return;
    QCOMPARE(*type->totalBits, total);
    QCOMPARE(*type->fractionalBits, fraction);
    for (const Notation notation : {Notation::SignIntegerFraction, Notation::Q, Notation::ApFixed, Notation::Fi})
        QVERIFY(parseNotation(write(*type, notation), *type) == type);
}

QTEST_GUILESS_MAIN(TestQuantize)
#include "tst_quantize.moc"
