#include "quant/core/exact_product.h"
#include "quant/core/quantize.h"
#include "quant/core/wide_integer.h"
#include "support/formats.h"

#include <ATen/ATen.h>

#include <QTest>

#include <bitset>
#include <cmath>
#include <cstring>
#include <random>

using namespace fxp::quant;
using fxp::test::format;

/// What follows a sum, against two's complement numbers of 4096 bits written out bit by bit.
class TestQuantizeSum : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void methods_data();
    void methods();
    void farShifts_data();
    void farShifts();
    void floatSumIsQuantize_data();
    void floatSumIsQuantize();
    void wrapSeesLowBits();
    void oneRounding();
    void stochastic();
    void scaledFormats_data();
    void scaledFormats();
    void gradient();
    void empty();
};

namespace {

constexpr std::size_t kBits = 4096, kPoint = 2048;
using Bits = std::bitset<kBits>;

/// A fixed-point value: mantissa · 2^exponent.
struct Number {
    Int128 mantissa = 0;
    int exponent = 0;
};

struct Expected {
    Number value;
    int side = 0; ///< −1 below, 1 above
};

/// By definition: the bits above the point, one more where the rounding says so, the low T of them.
Expected quantized(const Number& v, const QType& type) {
    Bits x;
    for (std::size_t i = 0; i < 127; ++i)
        x[i] = (v.mantissa >> i & 1) != 0;
    if (v.mantissa < 0)
        x |= ~Bits() << 127;
    const int place = static_cast<int>(kPoint) + v.exponent + *type.fractionalBits;
    x <<= static_cast<std::size_t>(place);
    const bool negative = v.mantissa < 0, halfBit = x[kPoint - 1];
    const Bits rest = x << (kBits - kPoint + 1);
    const bool inexact = halfBit || rest.any(), aboveHalf = halfBit && rest.any(), tie = halfBit && rest.none();
    Bits integer = x >> kPoint;
    if (negative)
        integer |= ~Bits() << (kBits - kPoint);
    bool up = false;
    switch (type.rounding) {
    case Rounding::Round: up = aboveHalf || (tie && integer[0]); break;
    case Rounding::Trunc: up = negative && inexact; break;
    case Rounding::Floor: break;
    case Rounding::Ceil: up = inexact; break;
    case Rounding::RoundHalfUp: up = halfBit; break;
    case Rounding::RoundHalfDown: up = aboveHalf; break;
    case Rounding::RoundHalfAway: up = aboveHalf || (tie && !negative); break;
    case Rounding::RoundHalfZero: up = aboveHalf || (tie && negative); break;
    case Rounding::Stochastic: break;
    }
    for (std::size_t i = 0; up && i < kBits; ++i) {
        up = integer[i]; // the carry
        integer.flip(i);
    }
    const auto total = static_cast<std::size_t>(*type.totalBits);
    const Bits above = integer >> (total - 1);
    bool inside = above.none() || above == ~Bits() >> (total - 1);
    Int128 low = integer[total - 1] ? -1 : 0;
    for (std::size_t i = total; i-- > 0;)
        low = low * 2 + (integer[i] ? 1 : 0);
    const bool below = integer[kBits - 1];
    const Int128 half = Int128{1} << (total - 1);
    const bool symmetric = type.overflow == Overflow::SaturateSymmetric;
    if (symmetric && inside && low == -half)
        inside = false;
    if (inside)
        return {{low, -*type.fractionalBits}, 0};
    const int side = below ? -1 : 1;
    if (type.overflow == Overflow::Saturate || symmetric)
        low = below ? (symmetric ? 1 - half : -half) : half - 1;
    if (type.overflow == Overflow::SaturateZero)
        low = 0;
    return {{low, -*type.fractionalBits}, side};
}

/// To float32 in one rounding: an x87 number holds 64 bits.
float asFloat(const Number& v) {
    return static_cast<float>(std::ldexp(static_cast<long double>(static_cast<std::int64_t>(v.mantissa)), v.exponent));
}

enum Kind { Float32, Float64, Wide };

/// Sums of `bits` bits on the grid 2^−fraction, with the delicate places of a format of `drop` bits less.
std::vector<Int128> sums(int bits, int drop, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Int128> result{0};
    const auto add = [&](Int128 v) {
        const Int128 limit = Int128{1} << (bits - 1);
        if (v < limit && v >= -limit)
            result.push_back(v);
    };
    for (const int k : {-3, -2, -1, 0, 1, 2, 3, 127, -128, 128, -129}) {
        for (const int beside : {-1, 0, 1}) {
            if (drop > 0)
                add(k * (Int128{1} << drop) + (Int128{1} << (drop - 1)) + beside);
            add(k * (Int128{1} << drop) + beside);
        }
    }
    for (int i = 0; i < 40; ++i) {
        const Int128 v = (static_cast<Int128>(static_cast<std::int64_t>(random())) << 64) + random();
        add(v >> (128 - bits + static_cast<int>(random() % static_cast<unsigned>(bits))));
    }
    return result;
}

at::Tensor tensorOf(const std::vector<Int128>& values, Kind kind, int fraction) {
    const auto n = static_cast<std::int64_t>(values.size());
    at::Tensor result = at::empty(kind == Wide ? std::vector<std::int64_t>{n, 2} : std::vector<std::int64_t>{n},
                                  kind == Wide      ? at::kLong
                                  : kind == Float64 ? at::kDouble
                                                    : at::kFloat);
    for (std::int64_t i = 0; i < n; ++i) {
        const Int128 v = values[static_cast<std::size_t>(i)];
        if (kind == Wide) {
            result.data_ptr<std::int64_t>()[2 * i] = static_cast<std::int64_t>(v);
            result.data_ptr<std::int64_t>()[2 * i + 1] = static_cast<std::int64_t>(v >> 64);
        } else if (kind == Float64) {
            result.data_ptr<double>()[i] = std::ldexp(static_cast<double>(v), -fraction);
        } else {
            result.data_ptr<float>()[i] = static_cast<float>(std::ldexp(static_cast<double>(v), -fraction));
        }
    }
    return result;
}

bool sameBits(const at::Tensor& a, const at::Tensor& b) {
    return a.numel() == b.numel() &&
           std::memcmp(a.data_ptr<float>(), b.data_ptr<float>(), static_cast<std::size_t>(a.numel()) * 4) == 0;
}

/// The grid of x · w.
ProductFormats gridOf(int fraction) {
    return {format(40, fraction / 2), format(40, fraction - fraction / 2), {}};
}

QByteArray text(const QType& type) {
    return QByteArray::fromStdString(methodName(type)) + " T " + QByteArray::number(*type.totalBits) + " F " +
           QByteArray::number(*type.fractionalBits);
}

/// Compares one run with the definition; what differs, or an empty text.
QByteArray difference(const std::vector<Int128>& values, Kind kind, int fraction, const QType& accumulator,
                      const QType& activation) {
    const QuantizedSum got =
        quantizeSum(tensorOf(values, kind, fraction), gridOf(fraction), false, {accumulator, activation});
    SumOverflow acc, act;
    for (std::size_t i = 0; i < values.size(); ++i) {
        Number v{values[i], -fraction};
        const auto k = static_cast<std::int64_t>(i);
        const auto differs = [&](const char* what, float expected, const at::Tensor& tensor) -> QByteArray {
            const float is = tensor.data_ptr<float>()[k];
            if (is == expected)
                return {};
            return QByteArray(what) + " of " + QByteArray::number(static_cast<double>(v.mantissa), 'g', 20) + "·2^" +
                   QByteArray::number(v.exponent) + ": " + QByteArray::number(is, 'g', 12) + ", not " +
                   QByteArray::number(expected, 'g', 12) + ", kind " + QByteArray::number(kind) + ", " +
                   (accumulator.isFloat() ? QByteArray() : text(accumulator) + " then ") + text(activation);
        };
        if (!accumulator.isFloat()) {
            const Expected one = quantized(v, accumulator);
            if (const auto wrong = differs("accumulated", asFloat(one.value), got.accumulated); !wrong.isEmpty())
                return wrong;
            acc.low += one.side < 0;
            acc.high += one.side > 0;
            v = one.value;
        }
        const Expected one = quantized(v, activation);
        if (const auto wrong = differs("activation", asFloat(one.value), got.activation); !wrong.isEmpty())
            return wrong;
        act.low += one.side < 0;
        act.high += one.side > 0;
    }
    if (acc.low != got.accumulatorOverflow.low || acc.high != got.accumulatorOverflow.high)
        return "accumulator's counts, " + text(accumulator);
    if (act.low != got.activationOverflow.low || act.high != got.activationOverflow.high)
        return "activation's counts, kind " + QByteArray::number(kind) + ", " + text(activation);
    return {};
}

} // namespace

void TestQuantizeSum::methods_data() {
    QTest::addColumn<int>("overflow");
    QTest::addColumn<int>("rounding");
    for (const Overflow overflow : kOverflows) {
        for (const Rounding rounding : kRoundings) {
            if (rounding != Rounding::Stochastic)
                QTest::addRow("%s %s", name(rounding).data(), name(overflow).data())
                    << static_cast<int>(overflow) << static_cast<int>(rounding);
        }
    }
}

void TestQuantizeSum::methods() {
    QFETCH(int, overflow);
    QFETCH(int, rounding);
    constexpr int kFraction = 70;
    const int bitsOf[] = {24, 53, 110};
    for (const Kind kind : {Float32, Float64, Wide}) {
        const int fraction = kind == Wide ? kFraction : kind == Float64 ? 34 : 14;
        for (const int total : {2, 3, 8, 16, 22, 24, 25, 32, 50, 51, 53, 63, 64}) {
            for (const int coarser : {0, 1, 9, 24, 40}) {
                const QType type =
                    format(total, fraction - coarser, static_cast<Rounding>(rounding), static_cast<Overflow>(overflow));
                const auto values = sums(bitsOf[kind], coarser, static_cast<std::uint64_t>(total + 100 * coarser));
                const QByteArray alone = difference(values, kind, fraction, {}, type);
                QVERIFY2(alone.isEmpty(), alone);
                const QType after = format(std::min(total, 12), fraction - coarser - 3,
                                           static_cast<Rounding>((rounding + 3) % 8), static_cast<Overflow>(overflow));
                const QByteArray wrong = difference(values, kind, fraction, type, after);
                QVERIFY2(wrong.isEmpty(), wrong);
            }
        }
    }
    // The same numbers give the same bits, the sign of zero too, however wide their tensor is.
    for (const int coarser : {0, 3, 10, 30}) {
        const auto values = sums(24, coarser, 5);
        const QType type = format(10, 14 - coarser, static_cast<Rounding>(rounding), static_cast<Overflow>(overflow));
        for (const QType& accumulator : {QType{}, format(20, 12, type.rounding, type.overflow)}) {
            const auto run = [&](Kind kind) {
                return quantizeSum(tensorOf(values, kind, 14), gridOf(14), false, {accumulator, type}).activation;
            };
            QVERIFY(sameBits(run(Float32), run(Float64)));
            QVERIFY(sameBits(run(Float32), run(Wide)));
        }
    }
}

void TestQuantizeSum::farShifts_data() {
    QTest::addColumn<int>("accumulator");
    QTest::addColumn<int>("activation");
    QTest::addColumn<int>("bits");
    for (const int bits : {8, 64}) {
        for (const auto& [acc, act] : {std::pair{70, 200},
                                       {70, -60},
                                       {-60, 70},
                                       {200, -140},
                                       {140, 300},
                                       {-300, 300},
                                       {0, 70},
                                       {70 - 63, 70 - 64},
                                       {70 - 127, 70 - 128},
                                       {512, -500},
                                       {-500, 480}})
            QTest::addRow("F %d then %d, %d bits", acc, act, bits) << acc << act << bits;
    }
}

void TestQuantizeSum::farShifts() {
    QFETCH(int, accumulator);
    QFETCH(int, activation);
    QFETCH(int, bits);
    for (const Overflow overflow : kOverflows) {
        for (const Rounding rounding : {Rounding::Round, Rounding::Floor, Rounding::Ceil, Rounding::RoundHalfAway}) {
            for (const Kind kind : {Float64, Wide}) {
                const auto values = sums(kind == Wide ? 120 : 53, 3, 9);
                const QByteArray wrong = difference(values, kind, 70, format(bits, accumulator, rounding, overflow),
                                                    format(bits, activation, rounding, overflow));
                QVERIFY2(wrong.isEmpty(), wrong);
            }
        }
    }
}

void TestQuantizeSum::floatSumIsQuantize_data() {
    methods_data();
}

void TestQuantizeSum::floatSumIsQuantize() {
    QFETCH(int, overflow);
    QFETCH(int, rounding);
    at::Tensor sum = tensorOf(sums(24, 6, 3), Float32, 6);
    sum = at::cat({sum, sum * 0x1p30, at::tensor({-0.0f, -0.3f, NAN, INFINITY, -INFINITY, 0x1p31f, -0x1p31f})});
    for (const int total : {2, 8, 16, 24, 25, 32, 50, 53, 64}) {
        for (const int fraction : {-8, 0, 3, 20}) {
            const QType type =
                format(total, fraction, static_cast<Rounding>(rounding), static_cast<Overflow>(overflow));
            const QuantizedSum got = quantizeSum(sum, {}, false, {{}, type});
            const at::Tensor expected = quantize(sum, type, "x");
            for (std::int64_t i = 0; i < sum.numel(); ++i) {
                const float is = got.activation[i].item<float>(), wants = expected[i].item<float>();
                QVERIFY2((is == wants && std::signbit(is) == std::signbit(wants)) ||
                             (std::isnan(is) && std::isnan(wants)),
                         text(type) + ": " + QByteArray::number(sum[i].item<float>(), 'g', 12));
            }
            QVERIFY(got.sum.is_same(sum) && got.accumulated.is_same(sum));
        }
    }
}

void TestQuantizeSum::wrapSeesLowBits() {
    // 2^40 + 5 · 2^-4 needs 45 bits; its low eight are 80, whose last three float32 has lost.
    const Int128 v = (Int128{1} << 44) + 5;
    const QType wrap = format(8, 4, Rounding::Round, Overflow::Wrap);
    const ProductFormats formats{format(30, 2), format(30, 2), {}};
    for (const Kind kind : {Float64, Wide}) {
        const QuantizedSum got = quantizeSum(tensorOf({v, -v}, kind, 4), formats, false, {{}, wrap});
        QVERIFY(got.activation[0].item<float>() == 5.0f / 16);
        QVERIFY(got.activation[1].item<float>() == -5.0f / 16);
        QCOMPARE(got.activationOverflow.high, std::int64_t{1});
        QCOMPARE(got.activationOverflow.low, std::int64_t{1});
        QVERIFY(got.sum[0].item<float>() == 0x1p40f);
    }
}

void TestQuantizeSum::oneRounding() {
    // 2^26 + 2 + 2^-10: to float32 first it would be the tie 2^26 + 2 of a grid of 4, which goes to even.
    const Int128 v = (Int128{1} << 36) + (Int128{1} << 11) + 1;
    const ProductFormats formats{format(30, 5), format(30, 5), {}};
    for (const Kind kind : {Float64, Wide}) {
        const QuantizedSum got = quantizeSum(tensorOf({v}, kind, 10), formats, false, {{}, format(28, -2)});
        QVERIFY(got.activation.item<float>() == 67'108'868.0f);
        // The accumulator holds 2^26 + 2 exactly, and float32 does not: its value decides the activation's tie.
        const QuantizedSum then =
            quantizeSum(tensorOf({v + (Int128{4} << 10)}, kind, 10), formats, false, {format(32, 0), format(28, -2)});
        QVERIFY(then.accumulated.item<float>() == 67'108'872.0f);
        QVERIFY(then.activation.item<float>() == 67'108'872.0f);
    }
}

void TestQuantizeSum::stochastic() {
    // The same draws as quantize(), from any first element on, and in tensors of any width.
    const auto values = sums(24, 6, 4);
    const QType type = format(12, 8, Rounding::Stochastic);
    const ProductFormats formats = gridOf(14);
    const at::Tensor expected = quantize(tensorOf(values, Float32, 14), type, "x", 77);
    for (const Kind kind : {Float32, Float64, Wide}) {
        const at::Tensor all = tensorOf(values, kind, 14);
        SumFormats next;
        next.activation = type;
        next.activationSeed = 77;
        QVERIFY(sameBits(quantizeSum(all, formats, false, next).activation, expected));
        next.firstIndex = 10;
        QVERIFY(sameBits(quantizeSum(all.slice(0, 10).contiguous(), formats, false, next).activation,
                         expected.slice(0, 10).contiguous()));
        next = SumFormats();
        next.accumulator = type;
        next.accumulatorSeed = 77;
        QVERIFY(sameBits(quantizeSum(all, formats, false, next).accumulated, expected));
    }
}

void TestQuantizeSum::scaledFormats_data() {
    QTest::addColumn<int>("overflow");
    for (const Overflow overflow : kOverflows)
        QTest::newRow(name(overflow).data()) << static_cast<int>(overflow);
}

void TestQuantizeSum::scaledFormats() {
    QFETCH(int, overflow);
    QType channels;
    channels.totalBits = 5;
    channels.overflow = static_cast<Overflow>(overflow);
    channels.affine = Affine{{0.1, 0.37, 1.3}, {3, -2, 0}, 1};
    at::Tensor sum = at::linspace(-9, 9, 2 * 3 * 7, at::kDouble).reshape({2, 3, 7});
    const QuantizedSum got = quantizeSum(sum, {}, false, {channels, format(6, 3)});
    SumOverflow counts;
    for (std::int64_t i = 0; i < sum.numel(); ++i) {
        const auto c = static_cast<std::size_t>(i / 7 % 3);
        const double scale = channels.affine->scale[c];
        const auto zero = static_cast<double>(channels.affine->zeroPoint[c]);
        double integer = std::nearbyint(sum.data_ptr<double>()[i] / scale) + zero;
        const double low = channels.overflow == Overflow::SaturateSymmetric ? -15 : -16;
        double value = (integer - zero) * scale;
        if (integer < low || integer > 15) {
            counts.low += integer < 0;
            counts.high += integer > 0;
            integer = channels.overflow == Overflow::Wrap ? integer - 32 * std::floor((integer + 16) / 32)
                                                          : std::clamp(integer, low, 15.0);
            value = channels.overflow == Overflow::SaturateZero ? 0 : (integer - zero) * scale;
        }
        QVERIFY(got.accumulated.data_ptr<float>()[i] == static_cast<float>(value));
        const double then = std::clamp(std::nearbyint(value * 8), -32.0, 31.0) / 8;
        QVERIFY(got.activation.data_ptr<float>()[i] == static_cast<float>(then));
    }
    QVERIFY(counts.low > 0 && counts.high > 0);
    QCOMPARE(got.accumulatorOverflow.low, counts.low);
    QCOMPARE(got.accumulatorOverflow.high, counts.high);
    // Channels that the sum has not are an error.
    QVERIFY_THROWS_EXCEPTION(std::exception, quantizeSum(at::zeros({2, 4}), {}, false, {channels, {}}));
}

void TestQuantizeSum::gradient() {
    at::Tensor sum = at::tensor({0.3, -5.0, 100.0}, at::kDouble).requires_grad_(true);
    const QuantizedSum got = quantizeSum(sum, gridOf(20), false, {format(8, 4), format(4, 2)});
    QVERIFY(at::equal(got.accumulated.detach(), at::tensor({0.3125f, -5.0f, 7.9375f})));
    QVERIFY(at::equal(got.activation.detach(), at::tensor({0.25f, -2.0f, 1.75f})));
    (got.activation * 2 + got.accumulated + got.sum).sum().backward();
    QVERIFY(at::equal(sum.grad(), at::tensor({4.0, 4.0, 4.0}, at::kDouble)));
}

void TestQuantizeSum::empty() {
    const QuantizedSum got =
        quantizeSum(at::empty({0, 3, 2}, at::kLong), gridOf(4), false, {format(8, 2), format(4, 1)});
    QVERIFY(got.sum.sizes() == at::IntArrayRef({0, 3}) && got.activation.sizes() == at::IntArrayRef({0, 3}));
    QCOMPARE(got.activation.scalar_type(), at::kFloat);
}

QTEST_GUILESS_MAIN(TestQuantizeSum)
#include "tst_quantize_sum.moc"
