#include "quant/core/exact_product.h"
#include "quant/core/quantize.h"
#include "quant/core/wide_integer.h"
#include "quant/ops/products.h"
#include "quant/ops/registry.h"
#include "support/formats.h"
#include "support/plain_sums.h"

#include <ATen/ATen.h>

#include <QTest>

#include <cmath>

using namespace fxp::quant;
using fxp::test::format;
using fxp::test::integerOf;
using fxp::test::plainSum;
using fxp::test::random;

namespace {

/// One sum of any tensor that exactSum gives, in units of 2^−unit.
Int128 integerAt(const at::Tensor& sum, std::int64_t i, int unit, const ProductFormats& formats, bool hasBias) {
    if (sum.scalar_type() == at::kLong) {
        const auto* words = sum.data_ptr<std::int64_t>() + 2 * i;
        const Int128 v = (static_cast<Int128>(words[1]) << 64) + static_cast<std::uint64_t>(words[0]);
        const int up = unit - sumFraction(formats, hasBias);
        return up >= 0 ? v << up : v >> -up;
    }
    const double v = sum.scalar_type() == at::kDouble ? sum.data_ptr<double>()[i] : sum.data_ptr<float>()[i];
    return static_cast<Int128>(std::ldexp(static_cast<long double>(v), unit));
}

} // namespace

/// Sums of products of more bits than a float has: their types, and their values against 128-bit integers.
class TestWideSums : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void dtypes_data();
    void dtypes();
    void farFractions_data();
    void farFractions();
    void widest();
    void bits_data();
    void bits();
};

void TestWideSums::dtypes_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("terms");
    QTest::addColumn<int>("dtype");
    for (int bits = 2; bits <= 44; bits += 3) {
        for (const int terms : {1, 2, 33, 300}) {
            const double most = std::ldexp(terms, 2 * bits - 2);
            const auto dtype = most < 0x1p24 ? at::kFloat : most < 0x1p53 ? at::kDouble : at::kLong;
            QTest::addRow("%d bits, K %d", bits, terms) << bits << terms << static_cast<int>(dtype);
        }
    }
}

void TestWideSums::dtypes() {
    QFETCH(int, bits);
    QFETCH(int, terms);
    QFETCH(int, dtype);
    // All at the least integer but for the second row: no sum of these formats is larger.
    const ProductFormats formats{format(bits, 3), format(bits, -1), {}};
    at::Tensor x = at::full({2, terms}, formats.x.lowest()), w = at::full({3, terms}, formats.w.lowest());
    x[1] = quantize(random({terms}, 4) * static_cast<float>(formats.x.highest() / 2), formats.x, "x");
    w[2] = quantize(random({terms}, 5) * static_cast<float>(formats.w.highest() / 2), formats.w, "w");
    AccumulatorUse use;
    const at::Tensor sum = exactSum(linearProduct(w), x, w, {}, formats, &use);
    QCOMPARE(static_cast<int>(sum.scalar_type()), dtype);
    QVERIFY(use.observedBits <= use.worstBits);
    if ((terms & (terms - 1)) == 0)
        QCOMPARE(use.observedBits, use.worstBits);
    const ProductFormats onUnits{formats.x, formats.w, {}};
    for (std::int64_t i = 0; i < 2; ++i) {
        for (std::int64_t j = 0; j < 3; ++j) {
            const Int128 expected =
                plainSum(x.data_ptr<float>() + i * terms, w.data_ptr<float>() + j * terms, terms, onUnits, 0);
            QVERIFY(integerAt(sum, 3 * i + j, 2, formats, false) == expected);
        }
    }
}

void TestWideSums::farFractions_data() {
    QTest::addColumn<int>("xFraction");
    QTest::addColumn<int>("biasFraction");
    QTest::addColumn<double>("bias");
    QTest::addColumn<int>("totalBits"); ///< of x and w
    for (const int bits : {8, 24, 30}) {
        QTest::addRow("bias far below, %d bits", bits) << 4 << 80 << 0x1.8p-79 << bits;
        QTest::addRow("bias of zeros far below, %d bits", bits) << 4 << 100 << 0.0 << bits;
        QTest::addRow("bias far above, %d bits", bits) << 20 << -66 << 0x1p70 << bits;
        QTest::addRow("bias of zeros far above, %d bits", bits) << 20 << -200 << 0.0 << bits;
        QTest::addRow("far below float32, %d bits", bits) << 90 << 180 << 0x1p-149 << bits;
    }
    QTest::addRow("everything at the end") << 512 << 512 << 0.0 << 8;
    QTest::addRow("everything at the other end") << -90 << -180 << 0.0 << 8;
}

void TestWideSums::farFractions() {
    QFETCH(int, xFraction);
    QFETCH(int, biasFraction);
    QFETCH(double, bias);
    QFETCH(int, totalBits);
    const std::int64_t terms = 33;
    const ProductFormats formats{format(totalBits, xFraction), format(totalBits, xFraction), format(8, biasFraction)};
    const auto scale = static_cast<float>(std::ldexp(1.0, totalBits - 3 - xFraction));
    const at::Tensor x = quantize(random({2, terms}, 1) * scale, formats.x, "x");
    const at::Tensor w = quantize(random({3, terms}, 2) * scale, formats.w, "w");
    const at::Tensor b = at::tensor({bias, 0.0, -bias}, at::kDouble).to(at::kFloat);
    const at::Tensor sum = exactSum(linearProduct(w), x, w, b, formats, nullptr);
    const at::Tensor rounded = quantizeSum(sum, formats, true, {}).sum;
    for (std::int64_t i = 0; i < 2; ++i) {
        for (std::int64_t j = 0; j < 3; ++j) {
            // The product's integer, and the bias, which an x87 number holds together to 64 bits at the least.
            Int128 products = 0;
            for (std::int64_t k = 0; k < terms; ++k)
                products += static_cast<Int128>(std::ldexp(static_cast<double>(x[i][k].item<float>()), xFraction)) *
                            static_cast<Int128>(std::ldexp(static_cast<double>(w[j][k].item<float>()), xFraction));
            const long double high = std::ldexp(static_cast<long double>(products), -2 * xFraction);
            const long double expected = high + static_cast<long double>(b[j].item<float>());
            QVERIFY(rounded[i][j].item<float>() == static_cast<float>(expected));
            if (sum.scalar_type() == at::kDouble)
                QVERIFY(sum[i][j].item<double>() == static_cast<double>(expected));
        }
    }
}

void TestWideSums::widest() {
    // T 64 by T 64: 2^126 each, and K of them.
    const ProductFormats formats{format(64, 0), format(64, 0), format(64, 0)};
    at::Tensor x = at::full({1, 300}, -0x1p63f), w = at::full({2, 300}, -0x1p63f);
    w[1] = 0x1p40f;
    const at::Tensor b = at::tensor({-0x1p63f, 0x1p10f});
    const at::Tensor sum = exactSum(linearProduct(w), x, w, b, formats, nullptr);
    QuantizedSum got = quantizeSum(sum, formats, true, {format(64, 0), format(16, -50)});
    QVERIFY(got.sum[0][0].item<float>() == static_cast<float>(300 * 0x1p126L - 0x1p63L));
    QVERIFY(got.sum[0][1].item<float>() == static_cast<float>(-300 * 0x1p103L + 0x1p10L));
    QVERIFY(got.accumulated[0][0].item<float>() == 0x1p63f);
    QVERIFY(got.accumulated[0][1].item<float>() == -0x1p63f);
    QCOMPARE(got.accumulatorOverflow.high, std::int64_t{1});
    QCOMPARE(got.accumulatorOverflow.low, std::int64_t{1});
    QVERIFY(got.activation[0][0].item<float>() == 0x1p63f);
    // Small bits at a fine point: the sums need more than the grid's 126 bits, their values do not.
    const QType fine = format(64, 60);
    x = quantize(random({3, 40}, 1), fine, "x");
    w = quantize(random({4, 40}, 2), fine, "w");
    const ProductFormats fineFormats{fine, fine, {}};
    const at::Tensor y =
        quantizeSum(exactSum(linearProduct(w), x, w, {}, fineFormats, nullptr), fineFormats, false, {}).sum;
    for (std::int64_t i = 0; i < 3; ++i) {
        for (std::int64_t j = 0; j < 4; ++j) {
            Int128 expected = 0; // of 2^−100: float32 of this size has no finer products
            for (std::int64_t k = 0; k < 40; ++k)
                expected += integerOf(x[i][k].item<float>(), 50) * integerOf(w[j][k].item<float>(), 50);
            QVERIFY(y[i][j].item<float>() == toFloat(expected, -100, false));
        }
    }
}

void TestWideSums::bits_data() {
    QTest::addColumn<int>("total");
    QTest::addColumn<double>("x");
    QTest::addColumn<double>("w");
    QTest::addColumn<int>("biasTotal");
    QTest::addColumn<double>("bias");
    QTest::addColumn<int>("observed");
    QTest::addColumn<int>("worst");
    QTest::newRow("−2^7 needs 8 bits") << 8 << -128.0 << 1.0 << 0 << 0.0 << 8 << 16;
    QTest::newRow("2^7 needs 9") << 8 << -128.0 << -1.0 << 0 << 0.0 << 9 << 16;
    QTest::newRow("−2^7 + 1") << 8 << -127.0 << 1.0 << 0 << 0.0 << 8 << 16;
    QTest::newRow("−1 needs one") << 8 << -1.0 << 1.0 << 0 << 0.0 << 1 << 16;
    QTest::newRow("all the products' bits") << 8 << -128.0 << -128.0 << 0 << 0.0 << 16 << 16;
    QTest::newRow("−2^30 of 53 bits") << 20 << -0x1p19 << 0x1p11 << 0 << 0.0 << 31 << 40;
    QTest::newRow("2^58") << 30 << -0x1p29 << -0x1p29 << 0 << 0.0 << 60 << 60;
    QTest::newRow("−2^58 of wide sums") << 31 << -0x1p30 << 0x1p28 << 60 << 0.0 << 59 << 62;
    QTest::newRow("bias of 31 bits at its greatest, on top of the products'")
        << 16 << -0x1p15 << -0x1p15 << 31 << 0x1p30 << 33 << 33;
    QTest::newRow("larger bias at its greatest") << 16 << -0x1p15 << -0x1p15 << 32 << 0x1p31 << 33 << 33;
    QTest::newRow("small bias") << 16 << -0x1p15 << -0x1p15 << 24 << 8388607.0 << 32 << 32;
}

void TestWideSums::bits() {
    QFETCH(int, total);
    QFETCH(double, x);
    QFETCH(double, w);
    QFETCH(int, biasTotal);
    QFETCH(double, bias);
    QFETCH(int, observed);
    QFETCH(int, worst);
    const ProductFormats formats{format(total, 0), format(total, 0), biasTotal ? format(biasTotal, 0) : QType{}};
    const at::Tensor xs = at::full({1, 1}, x), ws = at::full({1, 1}, w);
    const at::Tensor b = biasTotal ? at::full({1}, bias) : at::Tensor();
    AccumulatorUse use;
    exactSum(linearProduct(ws), xs.to(at::kFloat), ws.to(at::kFloat), b.defined() ? b.to(at::kFloat) : b, formats,
             &use);
    QCOMPARE(use.observedBits, observed);
    QCOMPARE(use.worstBits, worst);
}

QTEST_GUILESS_MAIN(TestWideSums)
#include "tst_wide_sums.moc"
