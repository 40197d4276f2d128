#include "quant/core/functions.h"
#include "support/only_target.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <QTest>

#include <bit>
#include <cmath>
#include <limits>

using namespace fxp::quant;
using fxp::test::OnlyTarget;

/// Functions against the C library's in extended precision, and against themselves at other places in a tensor, on
/// other targets and threads.
class TestFunctions : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void rounded_data();
    void rounded();
    void special_data();
    void special();
    void sameEverywhere_data();
    void sameEverywhere();
    void softmaxRows_data();
    void softmaxRows();
    void maskedRows();
    void reductions_data();
    void reductions();
    void variancesFarFromZero();
    void normalizations_data();
    void normalizations();
    void otherTensorsGoToTorch();
};

namespace {

using Extended = long double;

struct Subject {
    const char* name;
    at::Tensor (*own)(const at::Tensor&);
    at::Tensor (*torch)(const at::Tensor&);
    Extended (*truth)(Extended);
};

Extended geluTanh(Extended x) {
    // ½ (1 + tanh u) = 1 / (1 + e^−2u), without cancellation.
    const Extended u = std::sqrt(2 / std::acos(Extended{-1})) * (x + 0.044715L * x * x * x);
    return x / (1 + std::exp(-2 * u));
}

const Subject kSubjects[] = {
    {"exp", functions::exp, at::exp, [](Extended x) { return std::exp(x); }},
    {"log", functions::log, at::log, [](Extended x) { return std::log(x); }},
    {"sin", functions::sin, at::sin, [](Extended x) { return std::sin(x); }},
    {"cos", functions::cos, at::cos, [](Extended x) { return std::cos(x); }},
    {"tanh", functions::tanh, at::tanh, [](Extended x) { return std::tanh(x); }},
    {"erf", functions::erf, at::erf, [](Extended x) { return std::erf(x); }},
    {"rsqrt", functions::rsqrt, at::rsqrt, [](Extended x) { return 1 / std::sqrt(x); }},
    {"sigmoid", functions::sigmoid, at::sigmoid, [](Extended x) { return 1 / (1 + std::exp(-x)); }},
    {"silu", functions::silu, at::silu, [](Extended x) { return x / (1 + std::exp(-x)); }},
    {"gelu", [](const at::Tensor& x) { return functions::gelu(x); }, [](const at::Tensor& x) { return at::gelu(x); },
     [](Extended x) { return x / 2 * std::erfc(-x / std::sqrt(Extended{2})); }},
    {"gelu tanh", [](const at::Tensor& x) { return functions::gelu(x, true); },
     [](const at::Tensor& x) { return at::gelu(x, "tanh"); }, geluTanh},
    {"softplus", [](const at::Tensor& x) { return functions::softplus(x, 1, 1e9); },
     [](const at::Tensor& x) { return at::softplus(x, 1, 1e9); },
     [](Extended x) { return std::max(x, Extended{0}) + std::log1p(std::exp(-std::abs(x))); }},
    {"softplus 3", [](const at::Tensor& x) { return functions::softplus(x, 3, 20); },
     [](const at::Tensor& x) { return at::softplus(x, 3, 20); },
     [](Extended x) {
         return 3 * x > 20 ? x : (std::max(3 * x, Extended{0}) + std::log1p(std::exp(-std::abs(3 * x)))) / 3;
     }},
};

void addSubjects() {
    QTest::addColumn<int>("number");
    for (std::size_t i = 0; i < std::size(kSubjects); ++i)
        QTest::newRow(kSubjects[i].name) << static_cast<int>(i);
}

at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
    return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed));
}

/// Float32 of every magnitude, denormals among them, and many of usual size.
at::Tensor samples() {
    const std::int64_t patterns = 400'000, usual = 100'000;
    const at::Tensor x = at::cat({at::empty({patterns}), normal({usual}, 1) * 5, normal({usual}, 2) * 0.01});
    for (std::int64_t i = 0; i < patterns; ++i) {
        const float value = std::bit_cast<float>(static_cast<std::uint32_t>(i * 10'737));
        x.data_ptr<float>()[i] = std::isfinite(value) ? value : 1.0f;
    }
    return x;
}

/// |y − truth| in units of float32's last place at `truth`.
Extended ulps(float y, Extended truth) {
    int exponent = 0;
    std::frexp(truth, &exponent);
    const Extended unit = std::ldexp(Extended{1}, std::max(exponent - 24, -149));
    const Extended limit = std::ldexp(Extended{1}, 128); // rounding goes on to it as if it were a float32
    const Extended rounded = std::isinf(y) ? std::copysign(limit, static_cast<Extended>(y)) : static_cast<Extended>(y);
    if (std::abs(truth) >= limit)
        return std::isinf(y) && (y < 0) == (truth < 0) ? 0 : 1e9L;
    return std::abs(rounded - truth) / unit;
}

bool sameBits(const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() == b.sizes() && at::equal(a.contiguous().view(at::kInt), b.contiguous().view(at::kInt));
}

/// Calls check(name) with every target and with 1, 2 and 3 threads.
template <class Check> void everywhere(const Check& check) {
    const int before = at::get_num_threads();
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
        const OnlyTarget only(target);
        for (const int threads : {1, 2, 3}) {
            at::set_num_threads(threads);
            check(QByteArray(hwy::TargetName(target)) + ", threads: " + QByteArray::number(threads));
        }
    }
    at::set_num_threads(before);
}

} // namespace

void TestFunctions::rounded_data() {
    addSubjects();
}

void TestFunctions::rounded() {
    QFETCH(int, number);
    const Subject& subject = kSubjects[number];
    const at::Tensor x = samples(), y = subject.own(x);
    Extended worst = 0;
    float at = 0;
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        const float argument = x.data_ptr<float>()[i], value = y.data_ptr<float>()[i];
        const Extended truth = subject.truth(argument);
        if (std::isnan(truth)) {
            QVERIFY2(std::isnan(value), qPrintable(QString::number(argument)));
            continue;
        }
        if (std::isinf(truth)) {
            QVERIFY2(value == static_cast<float>(truth), qPrintable(QString::number(argument)));
            continue;
        }
        const Extended error = ulps(value, truth);
        if (!(error <= worst)) {
            worst = error;
            at = argument;
        }
    }
    QVERIFY2(worst <= 0.501L,
             qPrintable(QStringLiteral("%1 ulp at %2").arg(static_cast<double>(worst)).arg(at, 0, 'g', 9)));
}

void TestFunctions::special_data() {
    addSubjects();
}

void TestFunctions::special() {
    QFETCH(int, number);
    const Subject& subject = kSubjects[number];
    const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const at::Tensor x = at::tensor({0.0f, -0.0f, infinity, -infinity, nan, -nan});
    const at::Tensor expected = subject.torch(x);
    everywhere([&](const QByteArray& where) {
        const at::Tensor y = subject.own(x);
        for (std::int64_t i = 0; i < x.numel(); ++i) {
            const float value = y.data_ptr<float>()[i], wanted = expected.data_ptr<float>()[i];
            const QByteArray what = where + ", at " + QByteArray::number(x.data_ptr<float>()[i]) + ": " +
                                    QByteArray::number(value) + ", LibTorch " + QByteArray::number(wanted);
            if (std::isnan(wanted))
                QVERIFY2(std::bit_cast<std::uint32_t>(value) == 0x7fc00000u, what);
            else
                QVERIFY2(std::abs(value - wanted) < 1e-6f || value == wanted, what);
            const auto exact = static_cast<float>(subject.truth(x.data_ptr<float>()[i]));
            if (exact == 0)
                QVERIFY2(std::signbit(value) == std::signbit(exact), what);
        }
    });
}

void TestFunctions::sameEverywhere_data() {
    addSubjects();
}

void TestFunctions::sameEverywhere() {
    QFETCH(int, number);
    const Subject& subject = kSubjects[number];
    const at::Tensor x = samples().slice(0, 0, 600'000, 8).contiguous();
    x[77] = std::numeric_limits<float>::quiet_NaN();
    x[78] = -std::numeric_limits<float>::infinity();
    const at::Tensor y = subject.own(x);
    everywhere([&](const QByteArray& where) {
        QVERIFY2(sameBits(subject.own(x), y), where);
        for (const std::int64_t i : {1, 2, 3, 5, 7, 70, 77, 78, 39'999, 74'990})
            QVERIFY2(sameBits(subject.own(x.slice(0, i)), y.slice(0, i)), where);
        for (std::int64_t i = 0; i < x.numel(); i += 997)
            QVERIFY2(sameBits(subject.own(x.slice(0, i, i + 1)), y.slice(0, i, i + 1)), where);
    });
    const at::Tensor square = x.slice(0, 0, 62'500).view({250, 250});
    QVERIFY(sameBits(subject.own(square.t()), subject.own(square).t()));
    QCOMPARE(subject.own(at::empty({0, 3})).numel(), 0);
    QCOMPARE(subject.own(at::ones({})).dim(), 0);
}

void TestFunctions::softmaxRows_data() {
    QTest::addColumn<int>("columns");
    QTest::addColumn<double>("spread");
    for (const int columns : {1, 2, 7, 8, 9, 16, 31, 100, 1000})
        QTest::addRow("%d", columns) << columns << 3.0;
    QTest::newRow("steep") << 50 << 60.0;
    QTest::newRow("flat") << 50 << 1e-4;
}

void TestFunctions::softmaxRows() {
    QFETCH(int, columns);
    QFETCH(double, spread);
    const at::Tensor x = normal({200, columns}, 1) * spread;
    const at::Tensor y = functions::softmax(x, 1), log = functions::logSoftmax(x, -1);
    for (std::int64_t row = 0; row < x.size(0); ++row) {
        const float* v = x.data_ptr<float>() + row * columns;
        const std::int64_t top = std::max_element(v, v + columns) - v;
        Extended rest = 0; // without the greatest term, so that no digit of a small rest is lost
        for (std::int64_t i = 0; i < columns; ++i)
            rest += i == top ? 0 : std::exp(static_cast<Extended>(v[i]) - v[top]);
        for (std::int64_t i = 0; i < columns; ++i) {
            const Extended below = static_cast<Extended>(v[i]) - v[top];
            QVERIFY(ulps(y.data_ptr<float>()[row * columns + i], std::exp(below) / (1 + rest)) <= 0.501L);
            QVERIFY(ulps(log.data_ptr<float>()[row * columns + i], below - std::log1p(rest)) <= 0.501L);
        }
    }
    everywhere([&](const QByteArray& where) {
        QVERIFY2(sameBits(functions::softmax(x, 1), y), where);
        QVERIFY2(sameBits(functions::logSoftmax(x, 1), log), where);
        QVERIFY2(sameBits(functions::softmax(x.slice(0, 3, 4), 1), y.slice(0, 3, 4)), where);
        QVERIFY2(sameBits(functions::softmax(x.t(), 0), y.t()), where);
        const at::Tensor cube = x.view({20, 10, columns}).transpose(1, 2);
        QVERIFY2(sameBits(functions::softmax(cube, 1), y.view({20, 10, columns}).transpose(1, 2)), where);
        QVERIFY2(sameBits(functions::logSoftmax(cube, -2), log.view({20, 10, columns}).transpose(1, 2)), where);
    });
}

void TestFunctions::maskedRows() {
    const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const at::Tensor x = normal({5, 19}, 1);
    x.slice(1, 4).slice(0, 0, 1).fill_(-infinity);
    x[1].fill_(-infinity);
    x[2][3] = nan;
    x[3][18] = infinity;
    x[4][0] = -infinity;
    const at::Tensor expected = at::softmax(x, 1), expectedLog = at::log_softmax(x, 1);
    everywhere([&](const QByteArray& where) {
        const at::Tensor y = functions::softmax(x, 1), log = functions::logSoftmax(x, 1);
        QVERIFY2(at::allclose(y, expected, 1e-6, 0, true), where);
        QVERIFY2(at::allclose(log, expectedLog, 1e-5, 1e-6, true), where);
        QVERIFY2(at::equal(y == 0, expected == 0), where);
    });
}

void TestFunctions::reductions_data() {
    QTest::addColumn<QList<std::int64_t>>("shape");
    QTest::addColumn<QList<std::int64_t>>("dims");
    using List = QList<std::int64_t>;
    for (const int columns : {1, 2, 7, 8, 9, 16, 100, 1000})
        QTest::addRow("rows of %d", columns) << List{60, columns} << List{1};
    QTest::newRow("first") << List{60, 70} << List{0};
    QTest::newRow("two of four") << List{6, 5, 7, 3} << List{-1, 1};
    QTest::newRow("all") << List{6, 50, 7} << List{};
    QTest::newRow("all, named") << List{6, 50, 7} << List{2, 0, 1};
    QTest::newRow("large") << List{3, 100'003} << List{1};
}

void TestFunctions::reductions() {
    QFETCH(QList<std::int64_t>, shape);
    QFETCH(QList<std::int64_t>, dims);
    const at::IntArrayRef over(dims.constData(), static_cast<std::size_t>(dims.size()));
    // All of one sign: without cancellation the bound is that of one rounding.
    const at::Tensor x = normal({shape.constData(), static_cast<std::size_t>(shape.size())}, 1).abs() + 0.5;
    const at::Tensor mean = functions::mean(x, over, false), variance = functions::variance(x, over, false);
    std::vector<std::int64_t> order;
    const auto isReduced = [&](std::int64_t d) {
        return dims.isEmpty() || dims.contains(d) || dims.contains(d - x.dim());
    };
    for (std::int64_t d = 0; d < x.dim(); ++d)
        if (!isReduced(d))
            order.push_back(d);
    const auto kept = order.size();
    std::vector<std::int64_t> sizes, keptSizes;
    for (std::int64_t d = 0; d < x.dim(); ++d) {
        if (isReduced(d))
            order.push_back(d);
        else
            sizes.push_back(x.size(d));
        keptSizes.push_back(isReduced(d) ? 1 : x.size(d));
    }
    const at::Tensor rows = x.permute(order).contiguous();
    std::int64_t columns = 1;
    for (std::size_t d = kept; d < order.size(); ++d)
        columns *= rows.size(static_cast<std::int64_t>(d));
    QVERIFY(mean.sizes() == at::IntArrayRef(sizes) && variance.sizes() == at::IntArrayRef(sizes));
    for (std::int64_t row = 0; row < rows.numel() / columns; ++row) {
        const float* v = rows.data_ptr<float>() + row * columns;
        Extended sum = 0, squares = 0;
        for (std::int64_t i = 0; i < columns; ++i)
            sum += v[i];
        const Extended center = sum / columns;
        for (std::int64_t i = 0; i < columns; ++i)
            squares += (v[i] - center) * (v[i] - center);
        QVERIFY(ulps(mean.data_ptr<float>()[row], center) <= 0.501L);
        QVERIFY(ulps(variance.data_ptr<float>()[row], squares / columns) <= 0.501L || columns == 1);
    }
    everywhere([&](const QByteArray& where) {
        QVERIFY2(sameBits(functions::mean(x, over, true), mean.view(keptSizes)), where);
        QVERIFY2(sameBits(functions::variance(x, over, true), variance.view(keptSizes)), where);
        QVERIFY2(sameBits(functions::mean(x.transpose(0, -1).contiguous().transpose(0, -1), over, false), mean), where);
    });
}

void TestFunctions::variancesFarFromZero() {
    const at::Tensor x = at::tensor({1e6f, 1e6f + 0.0625f, 1e6f + 0.125f});
    QCOMPARE(functions::variance(x, {0}, false).item<float>(), static_cast<float>(2 * 0.0625 * 0.0625 / 3));
    QCOMPARE(functions::variance(at::full({1000}, 3.3f), {}, false).item<float>(), 0.0f);
    QVERIFY(std::isnan(functions::mean(at::empty({0}), {0}, false).item<float>()));
}

void TestFunctions::normalizations_data() {
    QTest::addColumn<QList<std::int64_t>>("shape");
    QTest::addColumn<QList<std::int64_t>>("parameters");
    using List = QList<std::int64_t>;
    QTest::newRow("layer") << List{6, 7, 50} << List{6, 7, 1};
    QTest::newRow("layer over two") << List{6, 7, 50} << List{6, 1, 1};
    QTest::newRow("batch") << List{4, 5, 6, 7} << List{1, 5, 1, 1};
    QTest::newRow("batch of vectors") << List{40, 21} << List{21};
    QTest::newRow("one") << List{40, 21} << List{};
    QTest::newRow("each") << List{40, 21} << List{40, 21};
    QTest::newRow("group") << List{4, 3, 2, 5} << List{4, 3, 1, 1};
    QTest::newRow("large") << List{100, 1000} << List{100, 1};
}

void TestFunctions::normalizations() {
    QFETCH(QList<std::int64_t>, shape);
    QFETCH(QList<std::int64_t>, parameters);
    const at::IntArrayRef few(parameters.constData(), static_cast<std::size_t>(parameters.size()));
    const at::Tensor x = normal({shape.constData(), static_cast<std::size_t>(shape.size())}, 1);
    const at::Tensor mean = normal(few, 2), variance = normal(few, 3).square();
    const double eps = 1e-5;
    const at::Tensor y = functions::normalize(x, mean, variance, eps);
    QVERIFY(y.sizes() == x.sizes());
    const at::Tensor m = mean.expand_as(x).contiguous(), v = variance.expand_as(x).contiguous();
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        const Extended difference = static_cast<Extended>(x.data_ptr<float>()[i]) - m.data_ptr<float>()[i];
        const Extended truth = difference / std::sqrt(v.data_ptr<float>()[i] + static_cast<Extended>(eps));
        QVERIFY(ulps(y.data_ptr<float>()[i], truth) <= 0.501L);
    }
    everywhere([&](const QByteArray& where) {
        QVERIFY2(sameBits(functions::normalize(x, mean, variance, eps), y), where);
        QVERIFY2(sameBits(functions::normalize(x, m, v, eps), y), where);
        QVERIFY2(
            sameBits(functions::normalize(x.slice(0, 2, 3), m.slice(0, 2, 3), v.slice(0, 2, 3), eps), y.slice(0, 2, 3)),
            where);
    });
}

void TestFunctions::otherTensorsGoToTorch() {
    const at::Tensor x = normal({4, 5}, 1).abs(), learned = x.clone().requires_grad_();
    for (const Subject& subject : kSubjects) {
        QVERIFY(at::equal(subject.own(x.to(at::kDouble)), subject.torch(x.to(at::kDouble))));
        QVERIFY(subject.own(learned).requires_grad());
    }
    QVERIFY(functions::softmax(learned, 1).requires_grad());
    QVERIFY(functions::logSoftmax(learned, 1).requires_grad());
    QVERIFY(functions::mean(learned, {1}, false).requires_grad());
    QVERIFY(functions::variance(learned, {1}, true).requires_grad());
    QVERIFY(functions::normalize(learned, x.mean(), x.var(), 1e-5).requires_grad());
    QVERIFY(at::equal(functions::mean(x.to(at::kDouble), {}, false), x.to(at::kDouble).mean()));
    const at::NoGradGuard noGrad;
    QVERIFY(!functions::exp(learned).requires_grad());
}

QTEST_GUILESS_MAIN(TestFunctions)
#include "tst_functions.moc"
