#include "quant/core/float_product.h"

#include "quant/core/kernels/depthwise.h"
#include "quant/core/kernels/readable.h"
#include "quant/core/kernels/sgemm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace fxp::quant {

namespace {

Triple tripleOf(at::IntArrayRef values, std::int64_t dimensions, std::int64_t otherwise) {
    Triple result = {otherwise, otherwise, otherwise};
    for (std::int64_t d = 0; d < dimensions; ++d)
        result[static_cast<std::size_t>(3 - dimensions + d)] =
            values.empty() ? otherwise : values[values.size() == 1 ? 0 : static_cast<std::size_t>(d)];
    return result;
}

/// The sizes that are the same for all samples and groups.
struct Geometry {
    Triple input, output, kernel, stride, padding, dilation;
    bool transposed;
};

/// The index of the input element for output element i of one dimension: origin + i · step, if it exists.
struct Line {
    std::int64_t origin, step;
};

/// Output elements that are computed with the same elements of the kernel. A convolution has one phase. In a transposed
/// one each kernel element reaches every stride-th output element, so that it has stride phases per dimension, each a
/// convolution of its own.
struct Phase {
    Triple begin, step, count; ///< of the output elements, per dimension
    struct Tap {
        std::int64_t element; ///< of the kernel
        std::array<Line, 3> lines;
    };
    std::vector<Tap> taps; ///< in the kernel's order
};

/// The patches of one sample and group: column n holds the input elements that the kernel covers for the phase's output
/// element n.
class Patches final : public SgemmColumns {
  public:
    Patches(const Triple& input, const Phase& phase, const float* x) : m_input(input), m_phase(phase), m_x(x) {}

    void fill(std::int64_t k0, std::int64_t k1, std::int64_t n0, std::int64_t n1, std::int64_t width,
              float* panels) const override {
        thread_local std::vector<float> row;
        const std::int64_t terms = k1 - k0, padded = (n1 - n0 + width - 1) / width * width;
        row.assign(static_cast<std::size_t>(padded), 0.0f);
        const auto taps = static_cast<std::int64_t>(m_phase.taps.size());
        for (std::int64_t k = k0; k < k1; ++k) {
            fillRow(m_x + k / taps * volume(m_input), m_phase.taps[static_cast<std::size_t>(k % taps)], n0, n1,
                    row.data());
            for (std::int64_t j = 0; j < padded; j += width)
                std::memcpy(panels + j * terms + (k - k0) * width, row.data() + j,
                            static_cast<std::size_t>(width) * sizeof(float));
        }
    }

  private:
    /// The input elements that one element of the kernel covers in one channel, for the columns n0…n1, one output line
    /// after the other.
    void fillRow(const float* channel, const Phase::Tap& tap, std::int64_t n0, std::int64_t n1, float* to) const {
        const Triple& count = m_phase.count;
        std::int64_t begin = n0 % count[2], y = n0 / count[2] % count[1], z = n0 / (count[1] * count[2]);
        for (std::int64_t left = n1 - n0; left > 0;) {
            const std::int64_t end = std::min(count[2], begin + left);
            const std::int64_t depth = tap.lines[0].origin + z * tap.lines[0].step;
            const std::int64_t height = tap.lines[1].origin + y * tap.lines[1].step;
            if (depth < 0 || depth >= m_input[0] || height < 0 || height >= m_input[1])
                std::fill_n(to, end - begin, 0.0f);
            else
                fillLine(tap.lines[2], begin, end, channel + (depth * m_input[1] + height) * m_input[2], to);
            to += end - begin;
            left -= end - begin;
            begin = 0;
            if (++y == count[1]) {
                y = 0;
                ++z;
            }
        }
    }

    void fillLine(const Line& line, std::int64_t begin, std::int64_t end, const float* from, float* to) const {
        // The elements from `first` to before `last` lie inside the input.
        const auto reach = [&](std::int64_t v) {
            return v <= 0 ? 0 : line.step == 1 ? v : (v + line.step - 1) / line.step;
        };
        const std::int64_t first = std::clamp(reach(-line.origin), begin, end);
        const std::int64_t last = std::clamp(reach(m_input[2] - line.origin), first, end);
        to = std::fill_n(to, first - begin, 0.0f);
        if (line.step == 1) {
            to = std::copy(from + line.origin + first, from + line.origin + last, to);
        } else {
            for (std::int64_t i = first; i < last; ++i)
                *to++ = from[line.origin + i * line.step];
        }
        std::fill_n(to, end - last, 0.0f);
    }

    const Triple& m_input;
    const Phase& m_phase;
    const float* m_x;
};

/// The phase whose first output element is `begin`.
Phase phaseOf(const Geometry& g, const Triple& begin) {
    Phase phase;
    phase.begin = begin;
    phase.step = g.transposed ? g.stride : Triple{1, 1, 1};
    for (std::size_t d = 0; d < 3; ++d)
        phase.count[d] = (g.output[d] - begin[d] + phase.step[d] - 1) / phase.step[d];
    for (std::int64_t element = 0; element < volume(g.kernel); ++element) {
        const Triple at = {element / (g.kernel[1] * g.kernel[2]), element / g.kernel[2] % g.kernel[1],
                           element % g.kernel[2]};
        Phase::Tap tap{element, {}};
        bool meets = true;
        for (std::size_t d = 0; d < 3; ++d) {
            const std::int64_t reached = begin[d] + g.padding[d] - at[d] * g.dilation[d];
            if (g.transposed) {
                tap.lines[d] = {reached / g.stride[d], 1};
                meets = meets && reached % g.stride[d] == 0;
            } else {
                tap.lines[d] = {at[d] * g.dilation[d] - g.padding[d], g.stride[d]};
            }
        }
        if (meets)
            phase.taps.push_back(tap);
    }
    return phase;
}

std::vector<Phase> phasesOf(const Geometry& g) {
    if (!g.transposed)
        return {phaseOf(g, {0, 0, 0})};
    std::vector<Phase> phases;
    for (std::int64_t z = 0; z < std::min(g.stride[0], g.output[0]); ++z)
        for (std::int64_t y = 0; y < std::min(g.stride[1], g.output[1]); ++y)
            for (std::int64_t x = 0; x < std::min(g.stride[2], g.output[2]); ++x)
                phases.push_back(phaseOf(g, {z, y, x}));
    return phases;
}

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

/// Whether the kernel has one element and reads the input in its own order, so that the columns are the input's own.
bool isPointwise(const Geometry& g) {
    return volume(g.kernel) == 1 && volume(g.stride) == 1 && g.padding == Triple{0, 0, 0} && g.input == g.output;
}

struct Operands {
    at::Tensor x, weights, bias, y; ///< weights: [groups, outputs, inputs, kernel]; the others as given
    std::int64_t groups = 1, inputs = 0, outputs = 0; ///< channels per group
};

/// The weights of a phase, one matrix [outputs, inputs · taps] per group, packed.
std::vector<std::vector<float>> packedWeights(const Phase& phase, const Operands& o) {
    std::vector<std::int64_t> elements;
    for (const Phase::Tap& tap : phase.taps)
        elements.push_back(tap.element);
    at::Tensor weights = o.weights;
    if (static_cast<std::int64_t>(elements.size()) != weights.size(-1))
        weights = weights.index_select(-1, at::tensor(elements, at::kLong));
    weights = weights.contiguous();
    const std::int64_t terms = o.inputs * weights.size(-1);
    std::vector<std::vector<float>> packed;
    for (std::int64_t group = 0; group < o.groups; ++group)
        packed.push_back(packRows({weights.data_ptr<float>() + group * o.outputs * terms, terms, 1}, o.outputs, terms));
    return packed;
}

/// Writes rows of [outputs, end − begin] values to the phase's output elements from `begin` on.
void spread(const Geometry& g, const Phase& phase, const std::vector<float>& values, std::int64_t outputs,
            std::int64_t begin, std::int64_t end, float* y) {
    const float* from = values.data();
    const Triple& count = phase.count;
    for (std::int64_t channel = 0; channel < outputs; ++channel, y += volume(g.output)) {
        for (std::int64_t n = begin; n < end;) {
            const std::int64_t first = n % count[2], length = std::min(count[2] - first, end - n);
            const std::int64_t height = phase.begin[1] + n / count[2] % count[1] * phase.step[1];
            const std::int64_t depth = phase.begin[0] + n / (count[1] * count[2]) * phase.step[0];
            float* to = y + (depth * g.output[1] + height) * g.output[2] + phase.begin[2] + first * phase.step[2];
            for (std::int64_t i = 0; i < length; ++i)
                to[i * phase.step[2]] = *from++;
            n += length;
        }
    }
}

void computePhase(const Geometry& g, const Phase& phase, const Operands& o) {
    constexpr std::int64_t kPositions = 512; // output elements of one task
    const auto packed = packedWeights(phase, o);
    const std::int64_t positions = volume(phase.count), blocks = (positions + kPositions - 1) / kPositions;
    const std::int64_t terms = o.inputs * static_cast<std::int64_t>(phase.taps.size());
    const std::int64_t work = o.outputs * std::max<std::int64_t>(terms, 1) * std::min(positions, kPositions);
    const bool direct = volume(phase.step) == 1, pointwise = isPointwise(g);
    const auto compute = [&](std::int64_t task) {
        const std::int64_t part = task / blocks, group = part % o.groups; // part: sample and group
        const std::int64_t begin = task % blocks * kPositions, end = std::min(positions, begin + kPositions);
        const float* x = o.x.data_ptr<float>() + part * o.inputs * volume(g.input);
        float* y = o.y.data_ptr<float>() + part * o.outputs * volume(g.output);
        thread_local std::vector<float> values;
        const Patches patches(g.input, phase, x);
        SgemmJob job;
        job.rows = o.outputs;
        job.columns = positions;
        job.terms = terms;
        job.packedRows = packed[static_cast<std::size_t>(group)].data();
        if (pointwise)
            job.b = {x, 1, positions};
        else
            job.source = &patches;
        job.rowBias = o.bias.defined() ? o.bias.data_ptr<float>() + group * o.outputs : nullptr;
        if (!direct)
            values.resize(static_cast<std::size_t>(o.outputs * (end - begin)));
        // sgemm counts columns from the phase's first.
        job.c = direct ? y : values.data() - begin;
        job.cStride = direct ? positions : end - begin;
        sgemm(job, {0, o.outputs, begin, end});
        if (!direct)
            spread(g, phase, values, o.outputs, begin, end, y);
    };
    at::parallel_for(0, o.x.size(0) * o.groups * blocks, std::max<std::int64_t>(kSgemmWorkPerThread / work, 1),
                     [&](std::int64_t first, std::int64_t last) {
                         for (std::int64_t task = first; task < last; ++task)
                             compute(task);
                     });
}

void computeDepthwise(const Geometry& g, const Operands& o) {
    const std::int64_t work = o.outputs * volume(g.kernel) * volume(g.output);
    const at::Tensor weights = o.weights.contiguous();
    at::parallel_for(0, o.x.size(0) * o.groups, std::max<std::int64_t>(kSgemmWorkPerThread / work, 1),
                     [&](std::int64_t first, std::int64_t last) {
                         for (std::int64_t part = first; part < last; ++part) {
                             const std::int64_t channel = part % o.groups * o.outputs;
                             DepthwiseJob job{g.input, g.output, g.kernel, g.stride, g.padding, g.dilation};
                             job.outputs = o.outputs;
                             job.x = o.x.data_ptr<float>() + part * volume(g.input);
                             job.weights = weights.data_ptr<float>() + channel * volume(g.kernel);
                             job.bias = o.bias.defined() ? o.bias.data_ptr<float>() + channel : nullptr;
                             job.y = o.y.data_ptr<float>() + part * o.outputs * volume(g.output);
                             depthwise(job);
                         }
                     });
}

} // namespace

at::Tensor floatConvolution(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                            const ConvolutionArguments& arguments) {
    // Shapes that do not fit go to the operator of LibTorch, which refuses them with its own message.
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

    Operands o;
    o.groups = groups;
    o.inputs = x.size(1) / groups;
    o.outputs = transposed ? w.size(1) : w.size(0) / groups;
    o.x = x.contiguous();
    o.weights = w.reshape(transposed ? std::vector<std::int64_t>{groups, o.inputs, o.outputs, volume(g.kernel)}
                                     : std::vector<std::int64_t>{groups, o.outputs, o.inputs, volume(g.kernel)});
    if (transposed)
        o.weights = o.weights.transpose(1, 2);
    o.bias = bias.defined() ? bias.contiguous() : bias;
    std::vector<std::int64_t> shape = {x.size(0), groups * o.outputs};
    for (std::size_t d = static_cast<std::size_t>(3 - dimensions); d < 3; ++d)
        shape.push_back(g.output[d]);
    o.y = at::empty(shape, x.options());
    // For a matrix of so few rows, building patches costs more than it saves.
    if (!transposed && groups > 1 && o.inputs == 1 && o.outputs <= 4) {
        computeDepthwise(g, o);
        return o.y;
    }
    for (const Phase& phase : phasesOf(g))
        computePhase(g, phase, o);
    return o.y;
}

} // namespace fxp::quant
