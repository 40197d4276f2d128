#include "quant/core/kernels/depthwise.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/core/kernels/depthwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FXP_DEPTHWISE_LINES
#define FXP_DEPTHWISE_LINES
namespace fxp::quant {

/// The output lines of one channel. For each tap, element i of line l reads data[start of l + offset of the tap + i];
/// up to kSlack elements after the last may be read.
struct Lines {
    const float* data;
    std::vector<std::int64_t> starts, offsets;
    std::int64_t length;
};

constexpr std::int64_t kSlack = 64;

} // namespace fxp::quant
#endif

HWY_BEFORE_NAMESPACE();
namespace fxp::quant::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

void Sum(const Lines& lines, const float* weights, const float* bias, float* y) {
    const hn::CappedTag<float, static_cast<std::size_t>(kSlack)> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const std::size_t taps = lines.offsets.size();
    for (const std::int64_t start : lines.starts) {
        for (std::int64_t i = 0; i < lines.length; i += lanes) {
            const float* from = lines.data + start + i;
            auto sum = hn::Zero(d);
            for (std::size_t tap = 0; tap < taps; ++tap)
                sum = hn::MulAdd(hn::Set(d, weights[tap]), hn::LoadU(d, from + lines.offsets[tap]), sum);
            if (bias)
                sum = hn::Add(sum, hn::Set(d, *bias));
            if (i + lanes <= lines.length) {
                hn::StoreU(sum, d, y + i);
            } else {
                HWY_ALIGN float last[hn::MaxLanes(d)];
                hn::Store(sum, d, last);
                std::copy(last, last + (lines.length - i), y + i);
            }
        }
        y += lines.length;
    }
}

} // namespace fxp::quant::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fxp::quant {

HWY_EXPORT(Sum);

namespace {

/// The input with its padding, as far as the kernel reaches. The elements of a line are sorted by their index modulo
/// the stride, one part for each remainder, so that neighbours in the output read neighbours here.
struct Padded {
    explicit Padded(const DepthwiseJob& job) {
        const std::int64_t stride = job.stride[2];
        for (std::size_t d = 0; d < 2; ++d)
            size[d] = (job.output[d] - 1) * job.stride[d] + (job.kernel[d] - 1) * job.dilation[d] + 1;
        part = job.output[2] + (job.kernel[2] - 1) * job.dilation[2] / stride + 1;
        line = part * stride;
    }

    std::int64_t lineAt(std::int64_t z, std::int64_t y) const { return (z * size[1] + y) * line; }

    void fill(const DepthwiseJob& job, std::vector<float>& values) const {
        values.assign(static_cast<std::size_t>(size[0] * size[1] * line + kSlack), 0.0f);
        const std::int64_t stride = job.stride[2];
        for (std::int64_t z = 0; z < job.input[0]; ++z) {
            for (std::int64_t y = 0; y < job.input[1]; ++y) {
                const std::int64_t depth = z + job.padding[0], height = y + job.padding[1];
                if (depth >= size[0] || height >= size[1])
                    continue;
                const float* from = job.x + (z * job.input[1] + y) * job.input[2];
                float* to = values.data() + lineAt(depth, height);
                const std::int64_t end = std::min(job.input[2], line - job.padding[2]);
                if (stride == 1) {
                    if (end > 0)
                        std::copy(from, from + end, to + job.padding[2]);
                    continue;
                }
                for (std::int64_t x = 0; x < end; ++x)
                    to[(x + job.padding[2]) % stride * part + (x + job.padding[2]) / stride] = from[x];
            }
        }
    }

    std::int64_t size[2], part, line;
};

} // namespace

void depthwise(const DepthwiseJob& job) {
    thread_local std::vector<float> values;
    const Padded padded(job);
    padded.fill(job, values);
    Lines lines{values.data(), {}, {}, job.output[2]};
    for (std::int64_t z = 0; z < job.output[0]; ++z)
        for (std::int64_t y = 0; y < job.output[1]; ++y)
            lines.starts.push_back(padded.lineAt(z * job.stride[0], y * job.stride[1]));
    for (std::int64_t z = 0; z < job.kernel[0]; ++z) {
        for (std::int64_t y = 0; y < job.kernel[1]; ++y) {
            for (std::int64_t x = 0; x < job.kernel[2]; ++x) {
                const std::int64_t place = x * job.dilation[2];
                lines.offsets.push_back(padded.lineAt(z * job.dilation[0], y * job.dilation[1]) +
                                        place % job.stride[2] * padded.part + place / job.stride[2]);
            }
        }
    }
    for (std::int64_t o = 0; o < job.outputs; ++o)
        HWY_DYNAMIC_DISPATCH(Sum)
    (lines, job.weights + o * volume(job.kernel), job.bias ? job.bias + o : nullptr, job.y + o * volume(job.output));
}

} // namespace fxp::quant
#endif
