#include "quant/core/exact_product.h"
#include "quant/core/float_product.h"
#include "quant/core/quantize.h"
#include "quant/core/wide_integer.h"
#include "quant/ops/products.h"
#include "support/formats.h"

#include <ATen/ATen.h>

#include <QTest>

#include <cmath>
#include <set>

using namespace fxp::quant;
using fxp::test::format;
using fxp::test::random;
using fxp::test::scaled;

/// Products of operands with real-valued scales, zero points and formats per channel: sums of integers added one by
/// one.
class TestScaledProduct : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void linear_data();
    void linear();
    void biasOnGrid_data();
    void biasOnGrid();
    void powersOfTwo_data();
    void powersOfTwo();
    void narrowAccumulator();
    void convolution_data();
    void convolution();
    void besideNaN_data();
    void besideNaN();
    void notSummable_data();
    void notSummable();
    void gradient();
};

namespace {

/// `count` scales around one that lets T bits hold ±4.
std::vector<double> scales(int total, int count, bool powers) {
    std::vector<double> result;
    for (int c = 0; c < count; ++c)
        result.push_back(powers ? std::ldexp(1.0, 3 - total - c % 4) : std::ldexp(8.0 * (1 + 0.137 * c), -total));
    return result;
}

std::int64_t integerOf(float value, double scale) {
    return static_cast<std::int64_t>(std::llround(static_cast<long double>(value) / static_cast<long double>(scale)));
}

int bitsNeeded(Int128 v) {
    int bits = 1;
    while (v < -(Int128{1} << (bits - 1)) || v >= Int128{1} << (bits - 1))
        ++bits;
    return bits;
}

/// Σ of integers of row i of x and row j of w.
Int128 plainSum(const at::Tensor& x, std::int64_t i, double xScale, const at::Tensor& w, std::int64_t j,
                double wScale) {
    Int128 sum = 0;
    for (std::int64_t k = 0; k < x.size(1); ++k)
        sum += static_cast<Int128>(integerOf(x[i][k].item<float>(), xScale)) * integerOf(w[j][k].item<float>(), wScale);
    return sum;
}

} // namespace

void TestScaledProduct::linear_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("terms");
    QTest::addColumn<bool>("perChannel");
    QTest::addColumn<bool>("zeroPoints");
    for (const int bits : {2, 4, 8, 12, 20, 23}) {
        for (const int terms : {1, 7, 48, 300}) {
            for (const bool perChannel : {false, true}) {
                for (const bool zeroPoints : {false, true})
                    QTest::addRow("%d bits, K %d%s%s", bits, terms, perChannel ? ", per channel" : "",
                                  zeroPoints ? ", zero points" : "")
                        << bits << terms << perChannel << zeroPoints;
            }
        }
    }
}

void TestScaledProduct::linear() {
    QFETCH(int, bits);
    QFETCH(int, terms);
    QFETCH(bool, perChannel);
    QFETCH(bool, zeroPoints);
    const std::int64_t rows = 3, columns = 5;
    const int channels = perChannel ? 5 : 1;
    std::vector<std::int64_t> zeros;
    for (int c = 0; c < channels; ++c)
        zeros.push_back(zeroPoints ? (c % 2 ? 1 : -(std::int64_t{1} << (bits - 1))) : 0);
    ProductFormats formats{scaled(bits, {0.0311}, {zeroPoints ? -1 : 0}),
                           scaled(bits, scales(bits, channels, false), zeros, perChannel ? 0 : -1), format(20, 17)};
    formats.x.affine->scale[0] *= std::ldexp(1.0, 8 - bits);
    const at::Tensor x = quantize(random({rows, terms}, 1), formats.x, "x");
    const at::Tensor w = quantize(random({columns, terms}, 2), formats.w, "w");
    const at::Tensor b = quantize(random({columns}, 3), formats.bias, "b");
    for (const bool hasBias : {false, true}) {
        AccumulatorUse use;
        const at::Tensor sum = exactSum(linearProduct(w), x, w, hasBias ? b : at::Tensor(), formats, &use);
        QCOMPARE(sum.scalar_type(), at::kDouble);
        int observed = 0;
        for (std::int64_t i = 0; i < rows; ++i) {
            for (std::int64_t j = 0; j < columns; ++j) {
                const double wScale = formats.w.affine->scale[perChannel ? static_cast<std::size_t>(j) : 0];
                const Int128 integer = plainSum(x, i, formats.x.affine->scale[0], w, j, wScale);
                observed = std::max(observed, bitsNeeded(integer));
                double expected = static_cast<double>(integer) * (formats.x.affine->scale[0] * wScale);
                if (hasBias)
                    expected += static_cast<double>(b[j].item<float>());
                QVERIFY(sum[i][j].item<double>() == expected);
            }
        }
        QCOMPARE(use.observedBits, observed);
        int log = 0;
        while ((1 << log) < terms)
            ++log;
        QCOMPARE(use.worstBits, 2 * (bits + (zeroPoints ? 1 : 0)) + log);
        QVERIFY(use.observedBits <= use.worstBits);
    }
}

void TestScaledProduct::biasOnGrid_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("perChannel");
    for (const int bits : {8, 20, 24}) {
        QTest::addRow("%d bits", bits) << bits << false;
        QTest::addRow("%d bits, per channel", bits) << bits << true;
    }
}

void TestScaledProduct::biasOnGrid() {
    QFETCH(int, bits);
    QFETCH(bool, perChannel);
    const int channels = perChannel ? 4 : 1;
    const double xScale = 8.3 * std::ldexp(1.0, -bits);
    ProductFormats formats{scaled(bits, {xScale}, {0}),
                           scaled(bits, scales(bits, channels, false),
                                  std::vector<std::int64_t>(static_cast<std::size_t>(channels), 0),
                                  perChannel ? 0 : -1),
                           {}};
    std::vector<double> biasScale = formats.w.affine->scale;
    for (double& scale : biasScale)
        scale *= xScale;
    formats.bias = scaled(22, biasScale, formats.w.affine->zeroPoint, perChannel ? 0 : -1);
    const at::Tensor x = quantize(random({3, 90}, 1), formats.x, "x");
    const at::Tensor w = quantize(random({4, 90}, 2), formats.w, "w");
    const at::Tensor b = quantize(random({4}, 3) * static_cast<float>(biasScale[0] * 1e6), formats.bias, "b");
    AccumulatorUse use;
    const at::Tensor sum = exactSum(linearProduct(w), x, w, b, formats, &use);
    int observed = 0;
    for (std::int64_t i = 0; i < 3; ++i) {
        for (std::int64_t j = 0; j < 4; ++j) {
            const auto c = static_cast<std::size_t>(perChannel ? j : 0);
            const Int128 integer =
                plainSum(x, i, xScale, w, j, formats.w.affine->scale[c]) + integerOf(b[j].item<float>(), biasScale[c]);
            observed = std::max(observed, bitsNeeded(integer));
            QVERIFY(sum[i][j].item<double>() == static_cast<double>(integer) * biasScale[c]);
        }
    }
    QCOMPARE(use.observedBits, observed);
}

void TestScaledProduct::powersOfTwo_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("zeroPoints");
    QTest::addColumn<int>("dtype");
    for (const bool zeroPoints : {false, true}) {
        const char* text = zeroPoints ? ", zero points" : "";
        QTest::addRow("8 bits%s", text) << 8 << zeroPoints << static_cast<int>(at::kFloat);
        QTest::addRow("16 bits%s", text) << 16 << zeroPoints << static_cast<int>(at::kDouble);
        QTest::addRow("23 bits%s", text) << 23 << zeroPoints << static_cast<int>(at::kDouble);
        QTest::addRow("33 bits%s", text) << 33 << zeroPoints << static_cast<int>(at::kLong);
    }
}

void TestScaledProduct::powersOfTwo() {
    QFETCH(int, bits);
    QFETCH(bool, zeroPoints);
    QFETCH(int, dtype);
    // Each row of w with a point of its own, and the bias with another.
    const std::vector<double> wScales = scales(bits, 5, true);
    const std::vector<std::int64_t> zeros(5, zeroPoints ? 1 : 0);
    const ProductFormats formats{format(bits, bits - 3), scaled(bits, wScales, zeros, 0), format(10, 6)};
    const double xScale = std::ldexp(1.0, 3 - bits);
    const at::Tensor x = quantize(random({3, 20}, 1), formats.x, "x");
    const at::Tensor w = quantize(random({5, 20}, 2), formats.w, "w");
    const at::Tensor b = quantize(random({5}, 3), formats.bias, "b");
    AccumulatorUse use;
    const at::Tensor sum = exactSum(linearProduct(w), x, w, b, formats, &use);
    QCOMPARE(static_cast<int>(sum.scalar_type()), dtype);
    const QType accumulator = format(bits, bits - 5), activation = format(9, 4);
    const QuantizedSum got = quantizeSum(sum, formats, true, {accumulator, activation});
    int observed = 0;
    const int worst = 2 * bits + (zeroPoints ? 1 : 0) + 5;
    std::int64_t outside = 0;
    for (std::int64_t i = 0; i < 3; ++i) {
        for (std::int64_t j = 0; j < 5; ++j) {
            const double unit = xScale * wScales[static_cast<std::size_t>(j)];
            const Int128 integer = plainSum(x, i, xScale, w, j, wScales[static_cast<std::size_t>(j)]) +
                                   integerOf(b[j].item<float>(), unit);
            observed = std::max(observed, bitsNeeded(integer));
            const long double value = static_cast<long double>(integer) * static_cast<long double>(unit);
            QVERIFY(got.sum[i][j].item<float>() == static_cast<float>(value));
            const long double most = std::ldexp(1.0L, bits - 1);
            long double rounded = std::nearbyint(std::ldexp(value, bits - 5));
            outside += rounded >= most || rounded < -most;
            rounded = std::ldexp(std::clamp(rounded, -most, most - 1), 5 - bits);
            QVERIFY(got.accumulated[i][j].item<float>() == static_cast<float>(rounded));
            const long double last = std::clamp(std::nearbyint(rounded * 16), -256.0L, 255.0L) / 16;
            QVERIFY(got.activation[i][j].item<float>() == static_cast<float>(last));
        }
    }
    QCOMPARE(use.observedBits, observed);
    QCOMPARE(use.worstBits, worst);
    QCOMPARE(got.accumulatorOverflow.low + got.accumulatorOverflow.high, outside);
}

void TestScaledProduct::narrowAccumulator() {
    // 48 distinct sums do not fit 16 integers.
    const ProductFormats formats{scaled(8, {0.017}, {3}), scaled(8, {0.021}, {-5}), {}};
    const at::Tensor x = quantize(random({6, 40}, 1), formats.x, "x");
    const at::Tensor w = quantize(random({8, 40}, 2), formats.w, "w");
    const at::Tensor sum = exactSum(linearProduct(w), x, w, {}, formats, nullptr);
    for (const QType& accumulator : {scaled(4, {0.9}, {0}), format(4, 0)}) {
        const QuantizedSum got = quantizeSum(sum, formats, false, {accumulator, {}});
        const double scale = accumulator.affine ? 0.9 : 1;
        std::set<float> before, after;
        SumOverflow counts;
        for (std::int64_t i = 0; i < 48; ++i) {
            const double integer = std::nearbyint(sum.data_ptr<double>()[i] / scale);
            counts.low += integer < -8;
            counts.high += integer > 7;
            before.insert(got.sum.data_ptr<float>()[i]);
            after.insert(got.accumulated.data_ptr<float>()[i]);
            QVERIFY(got.accumulated.data_ptr<float>()[i] == static_cast<float>(std::clamp(integer, -8.0, 7.0) * scale));
        }
        QCOMPARE(before.size(), std::size_t{48});
        QVERIFY(after.size() <= 16);
        QVERIFY(counts.low > 0 && counts.high > 0);
        QCOMPARE(got.accumulatorOverflow.low, counts.low);
        QCOMPARE(got.accumulatorOverflow.high, counts.high);
    }
}

void TestScaledProduct::convolution_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("transposed");
    QTest::addColumn<bool>("powers");
    for (const int bits : {6, 12, 22, 30}) {
        for (const bool transposed : {false, true}) {
            for (const bool powers : {false, true})
                QTest::addRow("%d bits%s%s", bits, transposed ? ", transposed" : "", powers ? ", powers of two" : "")
                    << bits << transposed << powers;
        }
    }
}

void TestScaledProduct::convolution() {
    QFETCH(int, bits);
    QFETCH(bool, transposed);
    QFETCH(bool, powers);
    // Two groups of three outputs; a transposed weight names the three alone, and both groups have their scales.
    const int axis = transposed ? 1 : 0, channels = transposed ? 3 : 6;
    const std::vector<double> wScales = scales(bits, channels, powers);
    const std::vector<std::int64_t> zeros(static_cast<std::size_t>(channels), 0);
    const double xScale = powers ? std::ldexp(1.0, 3 - bits) : 7.1 * std::ldexp(1.0, -bits);
    const ProductFormats formats{scaled(bits, {xScale}, {0}), scaled(bits, wScales, zeros, axis), format(12, 9)};
    const at::Tensor x = quantize(random({2, 4, 5, 6}, 1), formats.x, "x");
    const at::Tensor w = quantize(random({transposed ? 4 : 6, transposed ? 3 : 2, 3, 2}, 2), formats.w, "w");
    const at::Tensor b = quantize(random({6}, 3), formats.bias, "b");
    Product product;
    product.plain = [transposed](const at::Tensor& a, const at::Tensor& c, const at::Tensor& d) {
        return at::convolution(a, c, d, {2, 1}, {1, 0}, {1, 1}, transposed, {0, 0}, 2);
    };
    product.multiply = [&](const at::Tensor& a, const at::Tensor& c) { return product.plain(a, c, {}); };
    product.biasDimension = -3;
    product.outputDimension = axis;
    product.terms = 2 * 3 * 2;
    AccumulatorUse use;
    const at::Tensor sum = exactSum(product, x, w, b, formats, &use);
    const at::Tensor got = quantizeSum(sum, formats, true, {}).sum;
    int observed = 0;
    for (std::int64_t n = 0; n < 2; ++n) {
        for (std::int64_t o = 0; o < 6; ++o) {
            const double wScale = wScales[static_cast<std::size_t>(transposed ? o % 3 : o)];
            for (std::int64_t r = 0; r < got.size(2); ++r) {
                for (std::int64_t s = 0; s < got.size(3); ++s) {
                    Int128 integer = 0;
                    for (std::int64_t i = 0; i < 2; ++i) {
                        for (std::int64_t u = 0; u < 3; ++u) {
                            for (std::int64_t v = 0; v < 2; ++v) {
                                const std::int64_t in = o / 3 * 2 + i;
                                const std::int64_t row = transposed ? r + 1 - u : 2 * r - 1 + u;
                                const std::int64_t column = transposed ? s - v : s + v;
                                if (row < 0 || column < 0 || column >= 6 || (transposed && row % 2 != 0))
                                    continue;
                                const std::int64_t at = transposed ? row / 2 : row;
                                if (at >= 5)
                                    continue;
                                const float weight =
                                    transposed ? w[in][o % 3][u][v].item<float>() : w[o][i][u][v].item<float>();
                                integer += static_cast<Int128>(integerOf(x[n][in][at][column].item<float>(), xScale)) *
                                           integerOf(weight, wScale);
                            }
                        }
                    }
                    const float bias = b[o].item<float>();
                    if (powers) {
                        const auto value =
                            static_cast<long double>(integer) * static_cast<long double>(xScale * wScale) +
                            static_cast<long double>(bias);
                        QVERIFY(got[n][o][r][s].item<float>() == static_cast<float>(value));
                        // A bias of 9 fraction bits is on the finer grid, or makes it.
                        const long double unit = std::min(static_cast<long double>(xScale * wScale), 0x1p-9L);
                        observed = std::max(observed, bitsNeeded(static_cast<Int128>(value / unit)));
                    } else {
                        observed = std::max(observed, bitsNeeded(integer));
                        QVERIFY(sum[n][o][r][s].item<double>() ==
                                static_cast<double>(integer) * (xScale * wScale) + static_cast<double>(bias));
                    }
                }
            }
        }
    }
    QCOMPARE(use.observedBits, observed);
}

void TestScaledProduct::notSummable_data() {
    QTest::addColumn<int>("which");
    QTest::newRow("channels of x along K") << 0;
    QTest::newRow("channels of w along K") << 1;
    QTest::newRow("a value that is on no integer") << 2;
    QTest::newRow("a float bias") << 3;
}

/// What is not finite stays so, and changes nothing beside it.
void TestScaledProduct::besideNaN_data() {
    QTest::addColumn<int>("kind");
    QTest::newRow("real scales") << 0;
    QTest::newRow("powers of two, 24 bits") << 1;
    QTest::newRow("powers of two, 53 bits") << 2;
}

void TestScaledProduct::besideNaN() {
    QFETCH(int, kind);
    const int total = kind == 2 ? 20 : 8;
    const QType type = kind == 0 ? scaled(8, {0.031}, {0}) : format(total, total - 3);
    const ProductFormats formats{type, type, kind == 0 ? format(8, 5) : type};
    const at::Tensor x = quantize(random({4, 6}, 1), formats.x, "x");
    const at::Tensor w = quantize(random({3, 6}, 2), formats.w, "w");
    const at::Tensor b = quantize(random({3}, 3), formats.bias, "b");
    AccumulatorUse use, broken;
    const at::Tensor sum = exactSum(linearProduct(w), x, w, b, formats, &use);
    at::Tensor y = x.clone();
    y[1][0] = NAN;
    y[2][3] = INFINITY;
    const at::Tensor other = exactSum(linearProduct(w), y, w, b, formats, &broken);
    for (const int row : {0, 3})
        QVERIFY(at::equal(other[row].to(at::kDouble), sum[row].to(at::kDouble)));
    QVERIFY(other[1].isnan().all().item<bool>());
    QVERIFY(!at::isfinite(other[2]).any().item<bool>());
    QCOMPARE(broken.worstBits, use.worstBits);
    QVERIFY(broken.observedBits > 0);
}

void TestScaledProduct::notSummable() {
    QFETCH(int, which);
    const QType perTensor = scaled(8, {0.031}, {0});
    const QType alongK = scaled(8, scales(8, 6, false), {0, 0, 0, 0, 0, 0}, 1);
    const ProductFormats formats{which == 0 ? alongK : perTensor, which == 1 ? alongK : perTensor,
                                 which == 3 ? QType{} : format(8, 5)};
    at::Tensor x = quantize(random({4, 6}, 1), formats.x, "x");
    const at::Tensor w = quantize(random({3, 6}, 2), formats.w, "w");
    const at::Tensor b = quantize(random({3}, 3), formats.bias, "b");
    if (which == 2)
        x[0][0] = 0.0315f;
    AccumulatorUse use;
    const at::Tensor sum = exactSum(linearProduct(w), x, w, b, formats, &use);
    QCOMPARE(sum.scalar_type(), at::kFloat);
    QVERIFY(at::allclose(sum, floatLinear(x, w, b), 0, 0, true));
    QCOMPARE(use.worstBits, 0);
    QCOMPARE(use.observedBits, 0);
}

void TestScaledProduct::gradient() {
    const ProductFormats formats{scaled(8, {0.031}, {2}), scaled(8, scales(8, 3, false), {0, 0, 0}, 0), {}};
    at::Tensor x = quantize(random({4, 6}, 1), formats.x, "x");
    const at::Tensor w = quantize(random({3, 6}, 2), formats.w, "w");
    const at::Tensor expected = exactSum(linearProduct(w), x, w, {}, formats, nullptr);
    x.requires_grad_(true);
    const at::Tensor sum = exactSum(linearProduct(w), x, w, {}, formats, nullptr);
    QVERIFY(at::equal(sum.detach(), expected));
    quantizeSum(sum, formats, false, {format(6, 2), scaled(5, {0.3}, {1})}).activation.sum().backward();
    QVERIFY(at::allclose(x.grad(), w.sum(0).expand({4, 6})));
}

QTEST_GUILESS_MAIN(TestScaledProduct)
#include "tst_scaled_product.moc"
