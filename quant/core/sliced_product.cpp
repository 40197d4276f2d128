#include "quant/core/sliced_product.h"

#include "quant/core/sum_grid.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace fxp::quant {

namespace {

constexpr int kDoubleBits = 53, kWideBits = 126, kMostSlices = 8;
constexpr std::int64_t kGrain = 8192;

/// One operand cut into slices of `bits` bits each, the lowest first; only the highest has a sign.
std::vector<at::Tensor> slices(const at::Tensor& integers, int bits, int count) {
    std::vector<at::Tensor> parts;
    at::Tensor rest = integers;
    const double unit = std::ldexp(1.0, bits);
    for (int i = 0; i + 1 < count; ++i) {
        const at::Tensor high = at::floor(rest / unit);
        parts.push_back(rest - high * unit);
        rest = high;
    }
    parts.push_back(rest);
    return parts;
}

/// Chooses how many slices each operand is cut into: every product of slices must fit 53 bits, with the fewest
/// products.
struct Cut {
    int x = 1, w = 1;
    int xBits = 0, wBits = 0;
};

std::optional<Cut> cutOf(int xBits, int wBits, int termBits) {
    std::optional<Cut> best;
    int fewest = std::numeric_limits<int>::max();
    for (int x = 1; x <= kMostSlices; ++x) {
        for (int w = 1; w <= kMostSlices; ++w) {
            const int each = (xBits + x - 1) / x, other = (wBits + w - 1) / w;
            if (each + other + termBits <= kDoubleBits && x * w < fewest) {
                fewest = x * w;
                best = {x, w, each, other};
            }
        }
    }
    return best;
}

/// Bits of |v|.
int magnitudeBits(double v) {
    int exponent = 0;
    std::frexp(v, &exponent);
    return v == 0 ? 0 : std::max(0, exponent);
}

} // namespace

double largest(const at::Tensor& x) {
    if (!x.defined() || x.numel() == 0)
        return 0;
    const auto [low, high] = at::aminmax(x.detach());
    return std::max(std::abs(low.item<double>()), std::abs(high.item<double>()));
}

at::Tensor wordTensor(const WideSums& sums) {
    std::vector<std::int64_t> shape = sums.shape;
    shape.push_back(2);
    at::Tensor result = at::empty(shape, at::kLong);
    auto* out = result.data_ptr<std::int64_t>();
    for (const Int128 value : sums.values) {
        const Words words = wordsOf(value);
        *out++ = words.low;
        *out++ = words.high;
    }
    return result;
}

at::Tensor doubleTensor(const WideSums& sums, int fraction) {
    at::Tensor result = at::empty(sums.shape, at::kDouble);
    std::ranges::transform(sums.values, result.data_ptr<double>(),
                           [&](Int128 value) { return std::ldexp(static_cast<double>(value), -fraction); });
    return result;
}

std::optional<WideSums> slicedProduct(const Product& product, const at::Tensor& x, const at::Tensor& w, int shift,
                                      int others) {
    const int xBits = magnitudeBits(largest(x)), wBits = magnitudeBits(largest(w));
    const int termBits = ceilLog2(product.terms);
    const std::optional<Cut> cut = cutOf(xBits, wBits, termBits);
    if (!cut || shift < 0 || std::max(xBits + wBits + termBits + shift, others) + 1 > kWideBits)
        return std::nullopt;
    const auto xs = slices(x, cut->xBits, cut->x), ws = slices(w, cut->wBits, cut->w);
    WideSums sums;
    for (std::size_t i = 0; i < xs.size(); ++i) {
        for (std::size_t j = 0; j < ws.size(); ++j) {
            const at::Tensor part = product.multiply(xs[i], ws[j]).contiguous();
            if (i + j == 0) {
                sums.shape = part.sizes().vec();
                sums.values.assign(static_cast<std::size_t>(part.numel()), 0);
            }
            const Int128 unit = Int128{1}
                                << (shift + static_cast<int>(i) * cut->xBits + static_cast<int>(j) * cut->wBits);
            const double* data = part.data_ptr<double>();
            at::parallel_for(0, part.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t k = begin; k < end; ++k)
                    sums.values[static_cast<std::size_t>(k)] +=
                        static_cast<Int128>(static_cast<std::int64_t>(data[k])) * unit;
            });
        }
    }
    return sums;
}

} // namespace fxp::quant
