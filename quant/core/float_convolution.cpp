#include "quant/core/float_product.h"

#include "quant/core/kernels/readable.h"
#include "quant/core/kernels/sgemm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace fxp::quant {

namespace {

/// One number per spatial dimension, three of them: what a smaller convolution lacks comes first.
using Triple = std::array<std::int64_t, 3>;

Triple tripleOf(at::IntArrayRef values, std::int64_t dimensions, std::int64_t otherwise) {
    Triple result = {otherwise, otherwise, otherwise};
    for (std::int64_t d = 0; d < dimensions; ++d)
        result[static_cast<std::size_t>(3 - dimensions + d)] =
            values.empty() ? otherwise : values[values.size() == 1 ? 0 : static_cast<std::size_t>(d)];
    return result;
}

std::int64_t volume(const Triple& t) {
    return t[0] * t[1] * t[2];
}

/// What all samples and groups share.
struct Geometry {
    Triple input, output, kernel, stride, padding, dilation;
    bool transposed;

    /// The input elements that kernel element `element` meets along dimension d are origin + i · step, i the output
    /// element's place, all divided by `divisor`.
    struct Line {
        std::int64_t origin, step, divisor;
    };
    Line line(std::size_t d, std::int64_t element) const {
        if (transposed)
            return {padding[d] - element * dilation[d], 1, stride[d]};
        return {element * dilation[d] - padding[d], stride[d], 1};
    }
};

/// The input's place along one dimension; negative where there is none.
std::int64_t placeOf(const Geometry::Line& line, std::int64_t i, std::int64_t size) {
    const std::int64_t place = line.origin + i * line.step;
    if (place < 0 || place % line.divisor != 0 || place / line.divisor >= size)
        return -1;
    return place / line.divisor;
}

/// The patches of one sample and group: column n holds what the kernel meets for output element n.
class Patches final : public SgemmColumns {
  public:
    Patches(const Geometry& geometry, const float* x) : m_geometry(geometry), m_x(x) {}

    void fill(std::int64_t k0, std::int64_t k1, std::int64_t n0, std::int64_t n1, std::int64_t width,
              float* panels) const override {
        thread_local std::vector<float> row;
        const std::int64_t terms = k1 - k0, padded = (n1 - n0 + width - 1) / width * width;
        row.assign(static_cast<std::size_t>(padded), 0.0f);
        for (std::int64_t k = k0; k < k1; ++k) {
            fillRow(k, n0, n1, row.data());
            for (std::int64_t j = 0; j < padded; j += width)
                std::memcpy(panels + j * terms + (k - k0) * width, row.data() + j,
                            static_cast<std::size_t>(width) * sizeof(float));
        }
    }

  private:
    /// Term k of the columns n0…n1, one output line after the other.
    void fillRow(std::int64_t k, std::int64_t n0, std::int64_t n1, float* to) const {
        const Geometry& g = m_geometry;
        const std::int64_t element = k % volume(g.kernel), channel = k / volume(g.kernel);
        const auto depth = g.line(0, element / (g.kernel[1] * g.kernel[2]));
        const auto height = g.line(1, element / g.kernel[2] % g.kernel[1]);
        const auto width = g.line(2, element % g.kernel[2]);
        for (std::int64_t n = n0; n < n1;) {
            const std::int64_t begin = n % g.output[2], end = std::min(g.output[2], begin + n1 - n);
            const std::int64_t z = placeOf(depth, n / (g.output[1] * g.output[2]), g.input[0]);
            const std::int64_t y = placeOf(height, n / g.output[2] % g.output[1], g.input[1]);
            if (z < 0 || y < 0)
                std::fill(to, to + (end - begin), 0.0f);
            else
                fillLine(width, begin, end, m_x + ((channel * g.input[0] + z) * g.input[1] + y) * g.input[2], to);
            to += end - begin;
            n += end - begin;
        }
    }

    void fillLine(const Geometry::Line& line, std::int64_t begin, std::int64_t end, const float* from,
                  float* to) const {
        const std::int64_t size = m_geometry.input[2];
        if (line.divisor != 1) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t place = placeOf(line, i, size);
                *to++ = place < 0 ? 0.0f : from[place];
            }
            return;
        }
        // The elements from `first` to before `last` lie inside the input.
        const auto ceilDivided = [&](std::int64_t v) { return v <= 0 ? 0 : (v + line.step - 1) / line.step; };
        const std::int64_t first = std::clamp(ceilDivided(-line.origin), begin, end);
        const std::int64_t last = std::clamp(ceilDivided(size - line.origin), first, end);
        to = std::fill_n(to, first - begin, 0.0f);
        if (line.step == 1) {
            to = std::copy(from + line.origin + first, from + line.origin + last, to);
        } else {
            for (std::int64_t i = first; i < last; ++i)
                *to++ = from[line.origin + i * line.step];
        }
        std::fill_n(to, end - last, 0.0f);
    }

    const Geometry& m_geometry;
    const float* m_x;
};

at::Tensor plain(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias, const ConvolutionArguments& a) {
    return at::convolution(x, w, bias, a.stride, a.padding, a.dilation, a.transposed, a.outputPadding, a.groups);
}

bool fits(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias, const ConvolutionArguments& a) {
    if (x.dim() != w.dim() || x.dim() < 3 || x.dim() > 5 || a.groups < 1 || x.numel() == 0 || w.numel() == 0)
        return false;
    const std::int64_t channels = a.transposed ? w.size(0) : w.size(1) * a.groups;
    const std::int64_t outputs = a.transposed ? w.size(1) * a.groups : w.size(0);
    const auto spatial = static_cast<std::size_t>(x.dim() - 2);
    const auto counts = [&](const std::vector<std::int64_t>& values, std::int64_t least) {
        return (values.size() == 1 || values.size() == spatial) &&
               *std::min_element(values.begin(), values.end()) >= least;
    };
    return x.size(1) == channels && channels % a.groups == 0 && outputs % a.groups == 0 && counts(a.stride, 1) &&
           counts(a.padding, 0) && counts(a.dilation, 1) && (!a.transposed || counts(a.outputPadding, 0)) &&
           (!bias.defined() || (bias.dim() == 1 && bias.size(0) == outputs));
}

/// False where the kernel is larger than the input.
bool outputSizes(Geometry& g, const Triple& outputPadding) {
    for (std::size_t d = 0; d < 3; ++d) {
        const std::int64_t reach = g.dilation[d] * (g.kernel[d] - 1) + 1;
        if (g.transposed)
            g.output[d] = (g.input[d] - 1) * g.stride[d] - 2 * g.padding[d] + reach + outputPadding[d];
        else
            g.output[d] = g.input[d] + 2 * g.padding[d] - reach < 0
                              ? 0
                              : (g.input[d] + 2 * g.padding[d] - reach) / g.stride[d] + 1;
        if (g.output[d] < 1 || (g.transposed && outputPadding[d] >= std::max(g.stride[d], g.dilation[d])))
            return false;
    }
    return true;
}

/// A kernel of one element that takes the input as it is: its columns are the input's own.
bool isPointwise(const Geometry& g) {
    return volume(g.kernel) == 1 && volume(g.stride) == 1 && g.padding == Triple{0, 0, 0} && g.input == g.output;
}

} // namespace

at::Tensor floatConvolution(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                            const ConvolutionArguments& arguments) {
    // What does not fit is the operator's to refuse.
    if (!isReadable(x) || !isReadable(w) || !isReadable(bias) || !fits(x, w, bias, arguments))
        return plain(x, w, bias, arguments);
    const std::int64_t dimensions = x.dim() - 2, groups = arguments.groups;
    const bool transposed = arguments.transposed;
    Geometry g;
    g.transposed = transposed;
    g.input = tripleOf(x.sizes().slice(2), dimensions, 1);
    g.kernel = tripleOf(w.sizes().slice(2), dimensions, 1);
    g.stride = tripleOf(arguments.stride, dimensions, 1);
    g.padding = tripleOf(arguments.padding, dimensions, 0);
    g.dilation = tripleOf(arguments.dilation, dimensions, 1);
    if (!outputSizes(
            g, tripleOf(transposed ? at::IntArrayRef(arguments.outputPadding) : at::IntArrayRef(), dimensions, 0)))
        return plain(x, w, bias, arguments);

    const std::int64_t samples = x.size(0), inputs = x.size(1) / groups;
    const std::int64_t outputs = transposed ? w.size(1) : w.size(0) / groups;
    const std::int64_t terms = inputs * volume(g.kernel), positions = volume(g.output);
    const at::Tensor input = x.contiguous();
    const at::Tensor weights = transposed
                                   ? w.reshape({groups, inputs, outputs, volume(g.kernel)}).transpose(1, 2).contiguous()
                                   : w.contiguous();
    const at::Tensor offset = bias.defined() ? bias.contiguous() : bias;
    std::vector<std::int64_t> shape = {samples, groups * outputs};
    for (std::size_t d = static_cast<std::size_t>(3 - dimensions); d < 3; ++d)
        shape.push_back(g.output[d]);
    const at::Tensor y = at::empty(shape, x.options());

    std::vector<std::vector<float>> packed;
    for (std::int64_t group = 0; group < groups; ++group)
        packed.push_back(packRows({weights.data_ptr<float>() + group * outputs * terms, terms, 1}, outputs, terms));
    constexpr std::int64_t kPositions = 512;
    const std::int64_t blocks = (positions + kPositions - 1) / kPositions;
    const std::int64_t work = outputs * terms * std::min(positions, kPositions);
    at::parallel_for(
        0, samples * groups * blocks, std::max<std::int64_t>(kSgemmWorkPerThread / work, 1),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t task = begin; task < end; ++task) {
                const std::int64_t block = task % blocks, group = task / blocks % groups;
                const std::int64_t part = task / blocks; // sample and group
                const float* from = input.data_ptr<float>() + part * inputs * volume(g.input);
                const Patches patches(g, from);
                SgemmJob job;
                job.rows = outputs;
                job.columns = positions;
                job.terms = terms;
                job.packedRows = packed[static_cast<std::size_t>(group)].data();
                if (isPointwise(g))
                    job.b = {from, 1, positions};
                else
                    job.source = &patches;
                job.rowBias = offset.defined() ? offset.data_ptr<float>() + group * outputs : nullptr;
                job.c = y.data_ptr<float>() + part * outputs * positions;
                job.cStride = positions;
                sgemm(job, {0, outputs, block * kPositions, std::min(positions, (block + 1) * kPositions)});
            }
        });
    return y;
}

} // namespace fxp::quant
