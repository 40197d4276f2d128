#include "quant/core/exact_product.h"
#include "quant/core/float_product.h"
#include "quant/core/quantize.h"
#include "quant/core/wide_integer.h"
#include "quant/layers/convolution.h"
#include "quant/ops/products.h"
#include "quant/ops/registry.h"
#include "support/formats.h"
#include "support/plain_sums.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QTest>

#include <cmath>

using namespace fxp::quant;
using fxp::test::format;
using fxp::test::integerOf;
using fxp::test::plainSum;
using fxp::test::random;

/// Sums of products against 128-bit integers added one by one.
class TestExactProduct : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void linear_data();
    void linear();
    void accumulator_data();
    void accumulator();
    void convolution_data();
    void convolution();
    void batched();
    void floatOperandRunsPlain();
    void nonFiniteLeavesOthersExact_data();
    void nonFiniteLeavesOthersExact();
    void roundsToOdd();
    void gradient_data();
    void gradient();
    void empty();
};

namespace {

struct Case {
    at::Tensor x, w, b;
    ProductFormats formats;
};

Case operands(std::int64_t rows, std::int64_t terms, std::int64_t columns, int xBits, int wBits, std::uint64_t seed) {
    Case o;
    o.formats.x = format(xBits, xBits - 3);
    o.formats.w = format(wBits, wBits - 2);
    o.formats.bias = format(12, 8);
    o.x = quantize(random({rows, terms}, seed), o.formats.x, "x");
    o.w = quantize(random({columns, terms}, seed + 1), o.formats.w, "w");
    o.b = quantize(random({columns}, seed + 2), o.formats.bias, "b");
    return o;
}

} // namespace

void TestExactProduct::linear_data() {
    QTest::addColumn<int>("terms");
    QTest::addColumn<int>("xBits");
    QTest::addColumn<int>("wBits");
    for (const int terms : {1, 7, 64, 515, 3000}) {
        for (const auto& [x, w] :
             {std::pair{4, 4}, {8, 8}, {12, 8}, {16, 16}, {24, 16}, {24, 24}, {32, 24}, {40, 40}, {2, 2}, {64, 8}})
            QTest::addRow("K %d, %d by %d bits", terms, x, w) << terms << x << w;
    }
}

void TestExactProduct::linear() {
    QFETCH(int, terms);
    QFETCH(int, xBits);
    QFETCH(int, wBits);
    const std::int64_t rows = 5, columns = 9;
    const Case o = operands(rows, terms, columns, xBits, wBits, static_cast<std::uint64_t>(terms + xBits));
    const Product product = linearProduct(o.w);
    AccumulatorUse use;
    const at::Tensor exact = exactSum(product, o.x, o.w, o.b, o.formats, &use);
    const at::Tensor sum = quantizeSum(exact, o.formats, true, {}).sum;
    const int unit = *o.formats.x.fractionalBits + *o.formats.w.fractionalBits;
    int observed = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
            const Int128 expected = plainSum(o.x.data_ptr<float>() + i * terms, o.w.data_ptr<float>() + j * terms,
                                             terms, o.formats, unit >= 8 ? o.b.data_ptr<float>()[j] : 0);
            observed = std::max(observed, bitsOf(expected));
            if (unit >= 8)
                QVERIFY(sum[i][j].item<float>() == toFloat(expected, -unit, false));
        }
    }
    QVERIFY(use.worstBits >= xBits + wBits);
    if (unit >= 8) {
        QCOMPARE(use.observedBits, observed);
        QVERIFY(use.observedBits <= use.worstBits);
    }
    // The same bits at any number of threads and however the rows are blocked.
    const int threads = at::get_num_threads();
    at::set_num_threads(threads == 1 ? 2 : 1);
    const auto run = [&](const at::Tensor& x) {
        return quantizeSum(exactSum(product, x, o.w, o.b, o.formats, nullptr), o.formats, true, {}).sum;
    };
    const at::Tensor again = run(o.x);
    at::set_num_threads(threads);
    QVERIFY(at::equal(again, sum));
    for (std::int64_t i = 0; i < rows; ++i)
        QVERIFY(at::equal(run(o.x[i].unsqueeze(0))[0], sum[i]));
}

void TestExactProduct::accumulator_data() {
    QTest::addColumn<int>("overflow");
    QTest::addColumn<int>("rounding");
    QTest::addColumn<int>("bits");
    for (const Overflow overflow : kOverflows) {
        for (const Rounding rounding : kRoundings) {
            if (rounding != Rounding::Stochastic)
                for (const int bits : {12, 24, 32})
                    QTest::addRow("%s %s %d", name(rounding).data(), name(overflow).data(), bits)
                        << static_cast<int>(overflow) << static_cast<int>(rounding) << bits;
        }
    }
}

void TestExactProduct::accumulator() {
    QFETCH(int, overflow);
    QFETCH(int, rounding);
    QFETCH(int, bits);
    const std::int64_t rows = 6, terms = 90, columns = 11;
    Case o = operands(rows, terms, columns, 18, 16, 77);
    const int unit = *o.formats.x.fractionalBits + *o.formats.w.fractionalBits;
    QType accumulator = format(bits, bits - 6); // ±32: some sums lie outside
    accumulator.overflow = static_cast<Overflow>(overflow);
    accumulator.rounding = static_cast<Rounding>(rounding);
    const at::Tensor x = o.x * 4;
    const QuantizedSum sum =
        quantizeSum(exactSum(linearProduct(o.w), x, o.w, o.b, o.formats, nullptr), o.formats, true, {accumulator, {}});
    // floor(v / 2^drop) and what it drops, by division.
    const int drop = unit - (bits - 6);
    const Int128 step = Int128{1} << drop, half = Int128{1} << (bits - 1);
    std::int64_t outside = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
            const Int128 v = plainSum(x.data_ptr<float>() + i * terms, o.w.data_ptr<float>() + j * terms, terms,
                                      o.formats, o.b.data_ptr<float>()[j]);
            Int128 down = v / step;
            if (v % step < 0)
                --down;
            const double dropped = static_cast<double>(v - down * step) / static_cast<double>(step);
            const double asDouble =
                roundTo(dropped + static_cast<double>(down % 2 == 0 ? 0 : 1), accumulator.rounding, 0);
            Int128 integer = down - (down % 2 == 0 ? 0 : 1) + static_cast<Int128>(asDouble);
            // Rounding toward zero and away from it depend on the sign, which the shifted fraction above has not.
            if (v < 0) {
                const bool tie = dropped == 0.5;
                if (accumulator.rounding == Rounding::Trunc)
                    integer = dropped > 0 ? down + 1 : down;
                else if (accumulator.rounding == Rounding::RoundHalfAway && tie)
                    integer = down;
                else if (accumulator.rounding == Rounding::RoundHalfZero && tie)
                    integer = down + 1;
            }
            const Overflow mode = accumulator.overflow;
            const Int128 low = mode == Overflow::SaturateSymmetric ? 1 - half : -half;
            if (integer < low || integer >= half) {
                ++outside;
                if (mode == Overflow::SaturateZero)
                    integer = 0;
                else if (mode == Overflow::Wrap) {
                    while (integer >= half)
                        integer -= 2 * half;
                    while (integer < -half)
                        integer += 2 * half;
                } else {
                    integer = integer < 0 ? low : half - 1;
                }
            }
            QVERIFY(sum.accumulated[i][j].item<float>() == toFloat(integer, 6 - bits, false));
        }
    }
    QVERIFY(outside > 0);
    QCOMPARE(sum.accumulatorOverflow.low + sum.accumulatorOverflow.high, outside);
}

void TestExactProduct::convolution_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("groups");
    QTest::addColumn<bool>("transposed");
    for (const int bits : {8, 12, 20}) {
        QTest::addRow("plain, %d bits", bits) << bits << 1 << false;
        QTest::addRow("grouped, %d bits", bits) << bits << 2 << false;
        QTest::addRow("transposed, %d bits", bits) << bits << 1 << true;
    }
}

void TestExactProduct::convolution() {
    QFETCH(int, bits);
    QFETCH(int, groups);
    QFETCH(bool, transposed);
    // 3 × 3 over batches of 16 and more: where fast transforms, whose partial sums are not exact, are tempting.
    const QType type = format(bits, bits - 3);
    const at::Tensor x = quantize(random({17, 4, 9, 9}, 5), type, "x");
    const at::Tensor w = quantize(random({transposed ? 4 : 6, 4 / groups, 3, 3}, 6), type, "w");
    ConvolutionOptions options;
    options.stride = {2, 1};
    options.padding = {1, 1};
    options.groups = groups;
    options.transposed = transposed;
    Builder run;
    Convolution layer("conv", w, {}, options);
    const Value y = layer.forward(run.input(x), run);
    layer.declare(run);
    const Program program = run.finish({y}).program;
    Tensors values(static_cast<std::size_t>(program.valueCount));
    values[static_cast<std::size_t>(program.inputs[0])] = x;
    for (const auto& [id, tensor] : program.constants)
        values[static_cast<std::size_t>(id)] = tensor;
    Formats formats(program.slots.size());
    for (std::size_t i = 0; i < formats.size(); ++i) {
        if (program.slots[i].name == "input" || program.slots[i].name == "weight")
            formats[i] = type;
    }
    for (const Step& step : program.steps) {
        Tensors in;
        for (const ValueId input : step.inputs)
            in.push_back(input == kAbsent ? at::Tensor() : values[static_cast<std::size_t>(input)]);
        const Tensors out = evaluate(step, in, &formats);
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (step.outputs[i] != kAbsent)
                values[static_cast<std::size_t>(step.outputs[i])] = out[i];
        }
    }
    const at::Tensor got = values[static_cast<std::size_t>(program.outputs[0])];
    // Float64 holds these sums exactly, in any order.
    const at::Tensor expected = at::convolution(x.to(at::kDouble), w.to(at::kDouble), {}, options.stride,
                                                options.padding, {1, 1}, transposed, {0, 0}, groups)
                                    .to(at::kFloat);
    QVERIFY(at::equal(got, expected));
}

void TestExactProduct::batched() {
    const QType type = format(20, 17);
    const at::Tensor a = quantize(random({3, 5, 70}, 1), type, "a"), b = quantize(random({3, 70, 4}, 2), type, "b");
    Product product;
    product.multiply = [](const at::Tensor& x, const at::Tensor& y) { return at::bmm(x, y); };
    product.plain = [](const at::Tensor& x, const at::Tensor& y, const at::Tensor&) { return at::bmm(x, y); };
    product.terms = 70;
    const at::Tensor sum = exactSum(product, a, b, {}, {type, type, {}}, nullptr);
    QVERIFY(at::equal(sum, at::bmm(a.to(at::kDouble), b.to(at::kDouble))));
}

void TestExactProduct::floatOperandRunsPlain() {
    Case o = operands(4, 30, 5, 16, 16, 3);
    o.formats.w = {};
    AccumulatorUse use;
    QVERIFY(at::equal(exactSum(linearProduct(o.w), o.x, o.w, o.b, o.formats, &use), floatLinear(o.x, o.w, o.b)));
    QCOMPARE(use.worstBits, 0);
    // NaN has no integer either.
    Case broken = operands(4, 30, 5, 16, 16, 3);
    broken.x[1][2] = NAN;
    const at::Tensor sum = exactSum(linearProduct(broken.w), broken.x, broken.w, broken.b, broken.formats, &use);
    QVERIFY(at::isnan(sum[1]).all().item<bool>());
    QVERIFY(!at::isnan(sum[0]).any().item<bool>());
}

void TestExactProduct::nonFiniteLeavesOthersExact_data() {
    QTest::addColumn<float>("value");
    QTest::addColumn<int>("fraction"); // of both operands
    for (const int fraction : {12, 28}) {
        QTest::addRow("NaN, 2^-%d", fraction) << NAN << fraction;
        QTest::addRow("+Inf, 2^-%d", fraction) << INFINITY << fraction;
        QTest::addRow("-Inf, 2^-%d", fraction) << -INFINITY << fraction;
    }
}

/// The last 16 bits of each sum, which float64 does not have where sums need more than 53.
void TestExactProduct::nonFiniteLeavesOthersExact() {
    QFETCH(float, value);
    QFETCH(int, fraction);
    constexpr std::int64_t kRows = 4, kTerms = 40, kOutputs = 5;
    const QType operand = format(fraction + 3, fraction);
    at::Tensor x = quantize(random({kRows, kTerms}, 1), operand, "x");
    const at::Tensor w = quantize(random({kOutputs, kTerms}, 2), operand, "w");
    x[1][2] = value;
    QType low = format(16, 2 * fraction);
    low.overflow = Overflow::Wrap;
    const ProductFormats formats{operand, operand, {}};
    const at::Tensor sum = exactSum(linearProduct(w), x, w, {}, formats, nullptr);
    const QuantizedSum got = quantizeSum(sum, formats, false, {{}, low});
    for (std::int64_t i = 0; i < kRows; ++i) {
        for (std::int64_t j = 0; j < kOutputs; ++j) {
            if (i == 1) {
                const float mine = got.sum[i][j].item<float>();
                QVERIFY(std::isnan(value) ? std::isnan(mine)
                                          : mine == std::copysign(value, value * w[j][2].item<float>()));
                continue;
            }
            Int128 expected = 0;
            for (std::int64_t k = 0; k < kTerms; ++k)
                expected += integerOf(x[i][k].item<float>(), fraction) * integerOf(w[j][k].item<float>(), fraction);
            const auto last = static_cast<std::int16_t>(static_cast<std::uint64_t>(expected) & 0xFFFF);
            QVERIFY(got.activation[i][j].item<float>() == std::ldexp(static_cast<float>(last), -2 * fraction));
        }
    }
}

void TestExactProduct::roundsToOdd() {
    // 2^25 + 1 lies between two float32 values; so does what is a hair beside the tie of a coarser grid.
    QCOMPARE(toFloat(Int128{33'554'433}, 0, false), 33'554'432.0f);
    QCOMPARE(toFloat(Int128{33'554'433}, 0, true), 33'554'436.0f);
    QCOMPARE(toFloat(Int128{-33'554'433}, 0, true), -33'554'436.0f);
    // 0.5 + 2^-40 at 8 integer bits: to nearest it is the tie 0.5, which rounds to even 0; the exact sum rounds to 1.
    const Int128 beside = (Int128{1} << 39) + 1;
    QCOMPARE(std::nearbyint(toFloat(beside, -40, false)), 0.0f);
    QCOMPARE(std::nearbyint(toFloat(beside, -40, true)), 1.0f);
}

void TestExactProduct::gradient_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("dtype");
    QTest::newRow("float32") << 6 << static_cast<int>(at::kFloat);
    QTest::newRow("float64") << 16 << static_cast<int>(at::kDouble);
    QTest::newRow("wide") << 40 << static_cast<int>(at::kDouble);
}

void TestExactProduct::gradient() {
    QFETCH(int, bits);
    QFETCH(int, dtype);
    Case o = operands(3, 20, 4, bits, bits, 8);
    const at::Tensor expected =
        quantizeSum(exactSum(linearProduct(o.w), o.x, o.w, o.b, o.formats, nullptr), o.formats, true, {}).sum;
    o.x.requires_grad_(true);
    o.w.requires_grad_(true);
    const at::Tensor sum = exactSum(linearProduct(o.w), o.x, o.w, o.b, o.formats, nullptr);
    QCOMPARE(static_cast<int>(sum.scalar_type()), dtype);
    const QuantizedSum got = quantizeSum(sum, o.formats, true, {{}, format(6, 2)});
    QVERIFY(at::equal(got.sum.detach(), expected));
    got.activation.sum().backward();
    const auto rows = [](const at::Tensor& t, std::int64_t n) { return t.detach().sum(0).expand({n, t.size(1)}); };
    QVERIFY(at::allclose(o.x.grad(), rows(o.w, 3)));
    QVERIFY(at::allclose(o.w.grad(), rows(o.x, 4)));
}

void TestExactProduct::empty() {
    for (const int bits : {6, 16, 40}) {
        const Case o = operands(4, 20, 5, bits, bits, 1);
        const at::Tensor none = exactSum(linearProduct(o.w), o.x.slice(0, 0, 0), o.w, o.b, o.formats, nullptr);
        QVERIFY(quantizeSum(none, o.formats, true, {format(8, 4), {}}).accumulated.sizes() == at::IntArrayRef({0, 5}));
        // No terms: the bias alone.
        const at::Tensor w = o.w.slice(1, 0, 0).contiguous(), x = o.x.slice(1, 0, 0).contiguous();
        QVERIFY(
            at::equal(quantizeSum(exactSum(linearProduct(w), x, w, o.b, o.formats, nullptr), o.formats, true, {}).sum,
                      o.b.expand({4, 5})));
    }
}

QTEST_GUILESS_MAIN(TestExactProduct)
#include "tst_exact_product.moc"
