#include "quant/core/exact_product.h"
#include "quant/core/float_product.h"
#include "quant/core/quantize.h"
#include "quant/core/wide_integer.h"
#include "quant/layers/convolution.h"
#include "quant/ops/products.h"
#include "quant/ops/registry.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <QTest>

#include <cmath>

using namespace fxp::quant;

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
    void dtypes_data();
    void dtypes();
    void farFractions_data();
    void farFractions();
    void widest();
    void bits_data();
    void bits();
    void gradient_data();
    void gradient();
    void empty();
};

namespace {

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::randn(shape, generator);
}

QType format(int total, int fraction) {
    QType type;
    type.totalBits = total;
    type.fractionalBits = fraction;
    return type;
}

Int128 integerOf(float value, int fraction) {
    return static_cast<Int128>(std::ldexp(static_cast<double>(value), fraction));
}

/// Σ x·w + b of one row and one column, in units of 2^−(Fx + Fw), for a bias on no finer grid.
Int128 plainSum(const float* x, const float* w, std::int64_t terms, const ProductFormats& f, float bias) {
    const int fx = *f.x.fractionalBits, fw = *f.w.fractionalBits;
    Int128 sum = integerOf(bias, fx + fw);
    for (std::int64_t k = 0; k < terms; ++k)
        sum += integerOf(x[k], fx) * integerOf(w[k], fw);
    return sum;
}

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

void TestExactProduct::dtypes_data() {
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

void TestExactProduct::dtypes() {
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

void TestExactProduct::farFractions_data() {
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

void TestExactProduct::farFractions() {
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

void TestExactProduct::widest() {
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

void TestExactProduct::bits_data() {
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

void TestExactProduct::bits() {
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
