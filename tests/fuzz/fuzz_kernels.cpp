#include "fuzz.h"

#include "quant/core/kernels/quantize_kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

using namespace fxp::quant;

namespace {

bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), [](float x, float y) {
        return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y) || (std::isnan(x) && std::isnan(y));
    });
}

/// Numbers from the front of the input; zeros once it is used up.
class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : m_data(data), m_left(size) {}
    template <class T> T take() {
        T value{};
        const std::size_t count = std::min(sizeof value, m_left);
        std::memcpy(&value, m_data, count);
        m_data += count;
        m_left -= count;
        return value;
    }
    std::size_t left() const { return m_left; }

  private:
    const std::uint8_t* m_data;
    std::size_t m_left;
};

QType typeOf(Input& input) {
    QType type;
    const auto method = input.take<std::uint8_t>();
    type.rounding = kRoundings[method % kRoundings.size()];
    type.overflow = kOverflows[method / kRoundings.size() % kOverflows.size()];
    type.totalBits = kMinTotalBits + input.take<std::uint8_t>() % (kMaxTotalBits - kMinTotalBits + 1);
    const int fraction = input.take<std::int16_t>() % (kMaxFractionalBits + 1);
    if (method < 240) {
        type.fractionalBits = fraction;
        return type;
    }
    const int bits = std::min(*type.totalBits, 32);
    const std::int64_t zero = input.take<std::int32_t>() >> (32 - bits);
    type.affine = Affine{{std::ldexp(1.0 + input.take<std::uint8_t>() / 256.0, fraction / 8)}, {zero}};
    return type;
}

} // namespace

/// The fast kernels give what the plain one gives, to the bit.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    QuantizeJob job;
    job.type = typeOf(input);
    try {
        validate(job.type, "");
    } catch (const fxp::Error&) {
        return 0;
    }
    job.seed = input.take<std::uint8_t>();
    job.range = LinearRange::around({-4, 4});
    std::vector<float> x(std::min<std::size_t>(input.left() / sizeof(float), 4096));
    for (float& value : x)
        value = input.take<float>();
    std::vector<float> plain(x.size()), fast(x.size()), alone(x.size());
    job.x = x.data();
    job.count = static_cast<std::int64_t>(x.size());
    job.y = plain.data();
    const Figures expected = quantizeReference(job);
    job.y = fast.data();
    const Figures figures = quantizeWithFigures(job);
    job.y = alone.data();
    quantizeValues(job);
    const SquaredError error = squaredError(job);
    const bool isEqual = sameBits(plain, fast) && sameBits(plain, alone) && figures.count == expected.count &&
                         figures.overflow() == expected.overflow() && figures.underflow == expected.underflow &&
                         figures.sumSquares == expected.sumSquares &&
                         figures.sumSquaredError == expected.sumSquaredError && error.signal == expected.sumSquares &&
                         error.noise == expected.sumSquaredError;
    if (!isEqual)
        std::abort();
    return 0;
}
