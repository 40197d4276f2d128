#include "quant/core/float_product.h"
#include "support/only_target.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <QTest>

#include <cmath>
#include <limits>

using namespace fxp::quant;
using fxp::test::OnlyTarget;

/// Float products against chains of std::fma, against LibTorch on integers (which are exact in any order), and against
/// themselves on other splits, threads and targets.
class TestFloatProduct : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void chains_data();
    void chains();
    void splits_data();
    void splits();
    void strides();
    void matmulShapes_data();
    void matmulShapes();
    void convolutions_data();
    void convolutions();
    void convolutionChains();
    void nanStaysInItsRow();
    void refusals();
    void otherOperandsGoToTorch();
};

namespace {

at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
    return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed));
}

/// Integers whose sums of products float32 holds exactly.
at::Tensor integers(at::IntArrayRef shape, std::uint64_t seed) {
    return at::randint(-9, 10, shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::kFloat);
}

bool sameBits(const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() == b.sizes() && at::equal(a.contiguous().view(at::kInt), b.contiguous().view(at::kInt));
}

std::vector<std::int64_t> targets() {
    return hwy::SupportedAndGeneratedTargets();
}

/// Calls check(name) with every target and with 1, 2 and 3 threads.
template <class Check> void everywhere(const Check& check) {
    const int before = at::get_num_threads();
    for (const std::int64_t target : targets()) {
        const OnlyTarget only(target);
        for (const int threads : {1, 2, 3}) {
            at::set_num_threads(threads);
            check(target, QByteArray(hwy::TargetName(target)) + ", threads: " + QByteArray::number(threads));
        }
    }
    at::set_num_threads(before);
}

/// One element by definition.
float chain(const float* a, const float* b, std::int64_t terms, std::int64_t bStride, bool fused) {
    float sum = 0;
    for (std::int64_t k = 0; k < terms; ++k) {
        const volatile float product = a[k] * b[k * bStride];
        sum = fused ? std::fma(a[k], b[k * bStride], sum) : product + sum;
    }
    return sum;
}

} // namespace

void TestFloatProduct::chains_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("terms");
    QTest::addColumn<int>("columns");
    QTest::addColumn<bool>("hasBias");
    for (const int terms : {0, 1, 3, 64, 100, 257, 768})
        QTest::addRow("5 x %d x 37", terms) << 5 << terms << 37 << true;
    for (const int rows : {0, 1, 2, 3, 4, 6, 7, 11, 12, 13, 23, 121, 250})
        QTest::addRow("%d x 70 x 33", rows) << rows << 70 << 33 << false;
    for (const int columns : {0, 1, 2, 8, 15, 16, 17, 31, 32, 63, 65, 511, 513, 1100})
        QTest::addRow("3 x 66 x %d", columns) << 3 << 66 << columns << true;
    QTest::newRow("several blocks of each") << 130 << 600 << 530 << true;
}

void TestFloatProduct::chains() {
    QFETCH(int, rows);
    QFETCH(int, terms);
    QFETCH(int, columns);
    QFETCH(bool, hasBias);
    const at::Tensor x = normal({rows, terms}, 1), w = normal({columns, terms}, 2);
    const at::Tensor bias = hasBias ? normal({columns}, 3) : at::Tensor();
    at::Tensor expected[2];
    for (const bool fused : {false, true}) {
        at::Tensor& y = expected[fused] = at::empty({rows, columns});
        for (std::int64_t i = 0; i < rows; ++i) {
            for (std::int64_t j = 0; j < columns; ++j) {
                const float sum =
                    chain(x.data_ptr<float>() + i * terms, w.data_ptr<float>() + j * terms, terms, 1, fused);
                y.data_ptr<float>()[i * columns + j] = hasBias ? sum + bias.data_ptr<float>()[j] : sum;
            }
        }
    }
    everywhere([&](std::int64_t target, const QByteArray& where) {
        const at::Tensor& wanted = expected[fxp::test::fusesOn(target)];
        QVERIFY2(sameBits(floatLinear(x, w, bias), wanted), where);
        if (!hasBias)
            QVERIFY2(sameBits(floatMatmul(x, w.t().contiguous()), wanted), where);
    });
}

void TestFloatProduct::splits_data() {
    QTest::addColumn<int>("terms");
    for (const int terms : {64, 100, 257, 768})
        QTest::addRow("K = %d", terms) << terms;
}

void TestFloatProduct::splits() {
    QFETCH(int, terms);
    const at::Tensor x = normal({29, 3, terms}, 1), w = normal({90, terms}, 2), b = normal({90}, 3);
    const at::Tensor keys = normal({29, terms, 40}, 4);
    const at::Tensor images = normal({9, terms, 5, 6}, 5), kernel = normal({7, terms, 3, 3}, 6);
    const ConvolutionArguments padded{{1}, {1}, {1}, false, {0}, 1};
    everywhere([&](std::int64_t, const QByteArray& where) {
        const at::Tensor whole = floatLinear(x, w, b), scores = floatMatmul(x, keys);
        const at::Tensor filtered = floatConvolution(images, kernel, {}, padded);
        for (const std::int64_t size : {1, 2, 7}) {
            std::vector<at::Tensor> parts, scoreParts, filteredParts;
            for (const at::Tensor& part : x.split(size))
                parts.push_back(floatLinear(part, w, b));
            for (std::size_t i = 0; i < x.split(size).size(); ++i)
                scoreParts.push_back(floatMatmul(x.split(size)[i], keys.split(size)[i]));
            for (const at::Tensor& part : images.split(size))
                filteredParts.push_back(floatConvolution(part, kernel, {}, padded));
            QVERIFY2(sameBits(at::cat(parts), whole), where);
            QVERIFY2(sameBits(at::cat(scoreParts), scores), where);
            QVERIFY2(sameBits(at::cat(filteredParts), filtered), where);
        }
    });
}

void TestFloatProduct::strides() {
    const at::Tensor x = normal({14, 70}, 1), w = normal({20, 70}, 2), b = normal({20}, 3);
    const at::Tensor expected = floatLinear(x, w, b);
    const at::Tensor wide = normal({14, 210}, 4), spread = normal({40}, 5);
    wide.slice(1, 1, 210, 3).copy_(x);
    spread.slice(0, 0, 40, 2).copy_(b);
    QVERIFY(sameBits(floatLinear(wide.slice(1, 1, 210, 3), w, b), expected));
    QVERIFY(sameBits(floatLinear(x.t().contiguous().t(), w, b), expected));
    QVERIFY(sameBits(floatLinear(x, w.t().contiguous().t(), spread.slice(0, 0, 40, 2)), expected));
    QVERIFY(sameBits(floatLinear(x.view({2, 7, 70}).transpose(0, 1), w, b), expected.view({2, 7, 20}).transpose(0, 1)));
    QVERIFY(sameBits(floatLinear(x[3], w, b), expected[3]));
    const at::Tensor row = x.slice(0, 0, 1);
    QVERIFY(sameBits(floatMatmul(row.expand({5, 70}), w.t()), floatMatmul(row, w.t()).expand({5, 20})));
    const at::Tensor heads = normal({2, 9, 4, 80}, 6).transpose(1, 2),
                     keys = normal({2, 11, 4, 80}, 7).permute({0, 2, 3, 1});
    QVERIFY(sameBits(floatMatmul(heads, keys), floatMatmul(heads.contiguous(), keys.contiguous())));
    const at::Tensor images = normal({2, 5, 7, 6}, 8), kernel = normal({4, 5, 3, 3}, 9);
    const ConvolutionArguments padded{{1}, {1}, {1}, false, {0}, 1};
    QVERIFY(
        sameBits(floatConvolution(images.contiguous(at::MemoryFormat::ChannelsLast),
                                  kernel.contiguous(at::MemoryFormat::ChannelsLast), spread.slice(0, 0, 8, 2), padded),
                 floatConvolution(images, kernel, spread.slice(0, 0, 8, 2).contiguous(), padded)));
}

using Shape = QList<std::int64_t>;

void TestFloatProduct::matmulShapes_data() {
    QTest::addColumn<Shape>("a");
    QTest::addColumn<Shape>("b");
    QTest::newRow("dot") << Shape{70} << Shape{70};
    QTest::newRow("vector by matrix") << Shape{70} << Shape{70, 9};
    QTest::newRow("matrix by vector") << Shape{9, 70} << Shape{70};
    QTest::newRow("matrices") << Shape{9, 70} << Shape{70, 5};
    QTest::newRow("batch by vector") << Shape{3, 9, 70} << Shape{70};
    QTest::newRow("vector by batch") << Shape{70} << Shape{3, 70, 4};
    QTest::newRow("batch by matrix") << Shape{2, 3, 9, 70} << Shape{70, 5};
    QTest::newRow("matrix by batch") << Shape{9, 70} << Shape{2, 3, 70, 5};
    QTest::newRow("batches") << Shape{6, 9, 70} << Shape{6, 70, 5};
    QTest::newRow("batches broadcast") << Shape{2, 1, 9, 70} << Shape{3, 70, 5};
    QTest::newRow("large batches") << Shape{2, 150, 200} << Shape{2, 200, 130};
    QTest::newRow("no terms") << Shape{2, 3, 0} << Shape{2, 0, 4};
    QTest::newRow("no vector terms") << Shape{0} << Shape{0};
    QTest::newRow("no rows") << Shape{2, 0, 4} << Shape{2, 4, 5};
    QTest::newRow("no batch") << Shape{0, 3, 4} << Shape{1, 4, 5};
    QTest::newRow("no batch by matrix") << Shape{0, 3, 4} << Shape{4, 5};
}

void TestFloatProduct::matmulShapes() {
    QFETCH(Shape, a);
    QFETCH(Shape, b);
    const at::Tensor left = integers({a.constData(), static_cast<std::size_t>(a.size())}, 1);
    const at::Tensor right = integers({b.constData(), static_cast<std::size_t>(b.size())}, 2);
    const at::Tensor expected = at::matmul(left.to(at::kDouble), right.to(at::kDouble));
    everywhere([&](std::int64_t, const QByteArray& where) {
        const at::Tensor y = floatMatmul(left, right);
        QVERIFY2(y.sizes() == expected.sizes() && at::equal(y.to(at::kDouble), expected), where);
    });
}

namespace {

struct Case {
    std::vector<std::int64_t> x, w;
    ConvolutionArguments arguments;
};

} // namespace

Q_DECLARE_METATYPE(Case)

void TestFloatProduct::convolutions_data() {
    QTest::addColumn<Case>("c");
    const auto add = [](const char* name, Case c) { QTest::newRow(name) << std::move(c); };
    add("1d", {{3, 4, 50}, {6, 4, 5}, {{1}, {2}, {1}, false, {0}, 1}});
    add("1d long", {{2, 4, 1300}, {6, 4, 5}, {{1}, {2}, {1}, false, {0}, 1}});
    add("1d strided, dilated", {{3, 4, 50}, {6, 4, 5}, {{3}, {1}, {2}, false, {0}, 1}});
    add("2d", {{3, 5, 11, 13}, {7, 5, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1}});
    add("2d many terms", {{2, 70, 7, 7}, {130, 70, 3, 3}, {{1}, {1}, {1}, false, {0}, 1}});
    add("2d pointwise", {{3, 70, 11, 13}, {7, 70, 1, 1}, {{1, 1}, {0, 0}, {1, 1}, false, {0, 0}, 1}});
    add("2d pointwise strided", {{3, 70, 11, 13}, {7, 70, 1, 1}, {{2, 3}, {0, 0}, {1, 1}, false, {0, 0}, 1}});
    add("2d pointwise padded", {{3, 7, 4, 3}, {7, 7, 1, 1}, {{1, 1}, {2, 1}, {1, 1}, false, {0, 0}, 1}});
    add("2d uneven", {{3, 4, 11, 23}, {6, 4, 2, 5}, {{2, 3}, {1, 4}, {3, 2}, false, {0, 0}, 1}});
    add("2d padding beyond the kernel", {{2, 3, 4, 4}, {5, 3, 2, 2}, {{1, 2}, {5, 4}, {1, 1}, false, {0, 0}, 1}});
    add("2d kernel as large as the input", {{2, 3, 4, 6}, {5, 3, 4, 6}, {{1, 1}, {0, 0}, {1, 1}, false, {0, 0}, 1}});
    add("2d grouped", {{3, 8, 9, 9}, {12, 2, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 4}});
    add("2d depthwise", {{3, 8, 19, 29}, {8, 1, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 8}});
    add("2d depthwise strided", {{3, 8, 19, 29}, {8, 1, 3, 5}, {{2, 2}, {1, 3}, {1, 2}, false, {0, 0}, 8}});
    add("2d depthwise of two", {{3, 8, 9, 9}, {16, 1, 5, 5}, {{2, 2}, {2, 2}, {1, 1}, false, {0, 0}, 8}});
    add("3d", {{2, 3, 5, 6, 7}, {4, 3, 2, 3, 3}, {{1, 2, 1}, {1, 0, 1}, {1, 1, 2}, false, {0, 0, 0}, 1}});
    add("1d transposed", {{3, 4, 20}, {4, 6, 5}, {{3}, {1}, {2}, true, {2}, 1}});
    add("2d transposed", {{3, 4, 5, 6}, {4, 6, 3, 3}, {{2, 2}, {1, 1}, {1, 1}, true, {1, 1}, 1}});
    add("2d transposed, one to one", {{3, 4, 5, 6}, {4, 6, 3, 3}, {{1, 1}, {0, 1}, {1, 1}, true, {0, 0}, 1}});
    add("2d transposed, dilated", {{3, 4, 5, 6}, {4, 6, 3, 3}, {{2, 3}, {1, 2}, {2, 3}, true, {0, 2}, 1}});
    add("2d transposed, stride beyond the kernel",
        {{3, 4, 5, 6}, {4, 6, 2, 2}, {{4, 3}, {0, 1}, {1, 1}, true, {3, 0}, 1}});
    add("2d transposed, grouped", {{3, 8, 5, 6}, {8, 3, 3, 3}, {{2, 2}, {1, 1}, {1, 1}, true, {0, 0}, 4}});
    add("2d transposed, depthwise", {{3, 8, 5, 6}, {8, 1, 4, 4}, {{2, 2}, {1, 1}, {1, 1}, true, {0, 0}, 8}});
    add("3d transposed", {{2, 3, 3, 4, 5}, {3, 4, 2, 3, 3}, {{2, 1, 2}, {0, 1, 1}, {1, 1, 1}, true, {1, 0, 1}, 1}});
}

void TestFloatProduct::convolutions() {
    QFETCH(Case, c);
    const auto& a = c.arguments;
    const at::Tensor x = integers(c.x, 1), w = integers(c.w, 2);
    const at::Tensor bias = integers({a.transposed ? c.w[1] * a.groups : c.w[0]}, 3);
    const auto spread = [&](std::vector<std::int64_t> values) {
        values.resize(c.x.size() - 2, values[0]);
        return values;
    };
    const at::Tensor expected =
        at::convolution(x.to(at::kDouble), w.to(at::kDouble), bias.to(at::kDouble), spread(a.stride), spread(a.padding),
                        spread(a.dilation), a.transposed, spread(a.outputPadding), a.groups);
    const at::Tensor xn = normal(c.x, 4), wn = normal(c.w, 5);
    at::Tensor first[2];
    everywhere([&](std::int64_t target, const QByteArray& where) {
        const at::Tensor y = floatConvolution(x, w, bias, a);
        QVERIFY2(y.sizes() == expected.sizes() && at::equal(y.to(at::kDouble), expected), where);
        const at::Tensor plain = floatConvolution(xn, wn, {}, a);
        at::Tensor& wanted = first[fxp::test::fusesOn(target)];
        if (!wanted.defined())
            wanted = plain;
        QVERIFY2(sameBits(plain, wanted), where);
        for (std::int64_t sample = 0; sample < xn.size(0); ++sample)
            QVERIFY2(sameBits(floatConvolution(xn.slice(0, sample, sample + 1), wn, {}, a),
                              plain.slice(0, sample, sample + 1)),
                     where);
    });
    QVERIFY(
        at::allclose(first[fxp::test::fusesOn(targets()[0])].to(at::kDouble),
                     at::convolution(xn.to(at::kDouble), wn.to(at::kDouble), {}, spread(a.stride), spread(a.padding),
                                     spread(a.dilation), a.transposed, spread(a.outputPadding), a.groups),
                     1e-4, 1e-4));
}

/// The chain's order, from LibTorch's patches.
void TestFloatProduct::convolutionChains() {
    const at::Tensor x = normal({2, 30, 8, 9}, 1), w = normal({5, 30, 3, 3}, 2), bias = normal({5}, 3);
    const at::Tensor patches = at::im2col(x, {3, 3}, {1, 1}, {1, 1}, {2, 1}).contiguous();
    const std::int64_t terms = patches.size(1), positions = patches.size(2);
    everywhere([&](std::int64_t target, const QByteArray& where) {
        const at::Tensor y = floatConvolution(x, w, bias, {{2, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1});
        QCOMPARE(y.numel(), 2 * 5 * positions);
        const float* result = y.data_ptr<float>();
        for (std::int64_t n = 0; n < 2; ++n)
            for (std::int64_t o = 0; o < 5; ++o)
                for (std::int64_t p = 0; p < positions; ++p)
                    QVERIFY2(*result++ == chain(w.data_ptr<float>() + o * terms,
                                                patches.data_ptr<float>() + n * terms * positions + p, terms, positions,
                                                fxp::test::fusesOn(target)) +
                                              bias.data_ptr<float>()[o],
                             where);
    });
}

void TestFloatProduct::nanStaysInItsRow() {
    const at::Tensor x = normal({13, 70}, 1), w = normal({33, 70}, 2);
    const at::Tensor before = floatLinear(x, w, {});
    x[4][7] = std::numeric_limits<float>::quiet_NaN();
    x[9][69] = std::numeric_limits<float>::infinity();
    const at::Tensor after = floatLinear(x, w, {});
    for (std::int64_t row = 0; row < 13; ++row) {
        if (row == 4)
            QVERIFY(after[row].isnan().all().item<bool>());
        else if (row == 9)
            QVERIFY(after[row].isinf().all().item<bool>());
        else
            QVERIFY(sameBits(after[row], before[row]));
    }
}

void TestFloatProduct::refusals() {
    const at::Tensor x = normal({3, 70}, 1), w = normal({5, 71}, 2), image = normal({2, 4, 5, 5}, 3);
    const ConvolutionArguments plain{{1}, {0}, {1}, false, {0}, 1};
    QVERIFY_THROWS_EXCEPTION(c10::Error, floatLinear(x, w, {}));
    QVERIFY_THROWS_EXCEPTION(c10::Error, floatMatmul(x, w));
    QVERIFY_THROWS_EXCEPTION(c10::Error, floatMatmul(normal({2, 3, 4}, 1), normal({3, 4, 5}, 2)));
    QVERIFY_THROWS_EXCEPTION(c10::Error, floatConvolution(image, normal({4, 3, 3, 3}, 4), {}, plain));
    QVERIFY_THROWS_EXCEPTION(c10::Error, floatConvolution(image, normal({4, 4, 7, 7}, 4), {}, plain));
    QVERIFY_THROWS_EXCEPTION(c10::Error, floatConvolution(image, normal({4, 4, 3, 3}, 4), normal({3}, 5), plain));
}

void TestFloatProduct::otherOperandsGoToTorch() {
    const at::Tensor x = normal({3, 70}, 1).to(at::kDouble), w = normal({5, 70}, 2).to(at::kDouble);
    QVERIFY(at::equal(floatLinear(x, w, {}), at::linear(x, w)));
    QVERIFY(at::equal(floatMatmul(x, w.t()), at::matmul(x, w.t())));
    const at::Tensor learned = normal({5, 70}, 2).requires_grad_();
    QVERIFY(floatLinear(normal({3, 70}, 1), learned, {}).requires_grad());
    const at::Tensor kernel = normal({2, 3, 3}, 4).requires_grad_();
    QVERIFY(floatConvolution(normal({1, 3, 9}, 5), kernel, {}, {{1}, {0}, {1}, false, {0}, 1}).requires_grad());
    const at::NoGradGuard noGrad;
    QVERIFY(!floatLinear(normal({3, 70}, 1), learned, {}).requires_grad());
}

QTEST_GUILESS_MAIN(TestFloatProduct)
#include "tst_float_product.moc"
