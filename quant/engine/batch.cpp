#include "quant/engine/batch.h"

#include "quant/core/error.h"
#include "quant/core/kernels/quantize_kernel.h"
#include "quant/core/quantize.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <unordered_set>

namespace fxp::quant {

namespace {

Fingerprint mix(Fingerprint state, std::uint64_t word) {
    state ^= word + 0x9E3779B97F4A7C15u + (state << 6) + (state >> 2);
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBu;
    return state ^ (state >> 31);
}

Fingerprint mix(Fingerprint state, const QType& type) {
    constexpr std::uint64_t kNone = 1u << 20;
    state = mix(state, type.totalBits ? static_cast<std::uint64_t>(*type.totalBits) : kNone);
    state = mix(state, type.fractionalBits ? static_cast<std::uint64_t>(*type.fractionalBits + 100'000) : kNone);
    state = mix(state, static_cast<std::uint64_t>(type.rounding) * 16 + static_cast<std::uint64_t>(type.overflow));
    if (type.affine) {
        state = mix(state, static_cast<std::uint64_t>(type.affine->axis + 2));
        for (const double scale : type.affine->scale)
            state = mix(state, std::bit_cast<std::uint64_t>(scale));
        for (const std::int64_t zero : type.affine->zeroPoint)
            state = mix(state, static_cast<std::uint64_t>(zero));
    }
    return state;
}

bool isReal(const at::Tensor& tensor) {
    return tensor.defined() && tensor.scalar_type() == at::kFloat;
}

} // namespace

std::vector<Fingerprint> fingerprints(const Program& program, const Formats& formats) {
    std::vector<Fingerprint> states(static_cast<std::size_t>(program.valueCount), 1);
    for (std::size_t index = 0; index < program.nodes.size(); ++index) {
        const Node& node = program.nodes[index];
        Fingerprint state = mix(1, index);
        for (const ValueId input : node.inputs)
            state = mix(state, input == kAbsent ? 0 : states[static_cast<std::size_t>(input)]);
        if (node.isQuantize())
            state = mix(state, formats[static_cast<std::size_t>(node.sites[0].slot)]);
        for (const SlotId slot : node.formatSlots)
            state = mix(state, formats[static_cast<std::size_t>(slot)]);
        for (std::size_t i = 0; i < node.outputs.size(); ++i)
            states[static_cast<std::size_t>(node.outputs[i])] = mix(state, i) | 1; // 0 says "none"
    }
    return states;
}

Batch::Batch(std::shared_ptr<const Program> program, Tensors inputs, std::int64_t samples)
    : m_program(std::move(program)), m_inputs(std::move(inputs)), m_samples(samples),
      m_accumulators(m_program->nodes.size()) {
    for (const Node& node : m_program->nodes)
        m_figures.emplace_back(node.sites.size());
    release();
}

void Batch::release() {
    m_float.clear();
    m_values.assign(static_cast<std::size_t>(m_program->valueCount), {});
    m_states.assign(static_cast<std::size_t>(m_program->valueCount), 0);
    for (std::size_t i = 0; i < m_program->inputs.size(); ++i) {
        const auto id = static_cast<std::size_t>(m_program->inputs[i]);
        m_values[id] = m_inputs[i];
        m_states[id] = 1;
    }
    for (const auto& [id, tensor] : m_program->constants) {
        m_values[static_cast<std::size_t>(id)] = tensor;
        m_states[static_cast<std::size_t>(id)] = 1;
    }
}

std::int64_t Batch::floatBytes() const {
    std::unordered_set<const void*> seen;
    std::int64_t bytes = 0;
    for (const auto& [id, tensor] : m_program->constants)
        seen.insert(tensor.storage().unsafeGetStorageImpl());
    for (const at::Tensor& tensor : m_float) {
        if (tensor.defined() && tensor.has_storage() && seen.insert(tensor.storage().unsafeGetStorageImpl()).second)
            bytes += static_cast<std::int64_t>(tensor.storage().nbytes());
    }
    return bytes;
}

bool Batch::runFloat(const std::function<bool()>& stop) {
    const at::NoGradGuard noGrad;
    Tensors values(static_cast<std::size_t>(m_program->valueCount));
    for (std::size_t i = 0; i < m_program->inputs.size(); ++i)
        values[static_cast<std::size_t>(m_program->inputs[i])] = m_inputs[i];
    for (const auto& [id, tensor] : m_program->constants)
        values[static_cast<std::size_t>(id)] = tensor;
    Tensors in;
    for (const Node& node : m_program->nodes) {
        if (stop && stop())
            return false;
        in.clear();
        for (const ValueId input : node.inputs)
            in.push_back(input == kAbsent ? at::Tensor() : values[static_cast<std::size_t>(input)]);
        Tensors out = evaluate(node, in, nullptr);
        for (std::size_t i = 0; i < node.outputs.size(); ++i)
            values[static_cast<std::size_t>(node.outputs[i])] = std::move(out.at(i));
    }
    m_float = std::move(values);
    return true;
}

bool Batch::isCurrent(const Node& node, const Context& context) const {
    return std::ranges::all_of(node.outputs, [&](ValueId output) {
        return m_states[static_cast<std::size_t>(output)] == context.states[static_cast<std::size_t>(output)];
    });
}

bool Batch::runReady(Context& context, const std::vector<char>& only) {
    const at::NoGradGuard noGrad;
    for (std::size_t index = 0; index < m_program->nodes.size(); ++index) {
        const Node& node = m_program->nodes[index];
        const auto isWanted = [&](const Site& site) { return only[static_cast<std::size_t>(site.slot)] != 0; };
        const auto isReady = [&](ValueId input) {
            return input == kAbsent ||
                   m_states[static_cast<std::size_t>(input)] == context.states[static_cast<std::size_t>(input)];
        };
        if (std::ranges::none_of(node.sites, isWanted) || isCurrent(node, context) ||
            !std::ranges::all_of(node.inputs, isReady))
            continue;
        if (context.stop && context.stop())
            return false;
        runNode(index, context);
    }
    return true;
}

bool Batch::run(Context& context) {
    const at::NoGradGuard noGrad;
    for (std::size_t index = 0; index < m_program->nodes.size(); ++index) {
        const Node& node = m_program->nodes[index];
        if (isCurrent(node, context)) {
            ++context.stepsReused;
        } else {
            if (context.stop && context.stop())
                return false;
            runNode(index, context);
        }
        if (!node.sites.empty() && context.done)
            context.done(index);
    }
    return true;
}

void Batch::runNode(std::size_t index, Context& context) {
    ++context.stepsRun;
    const Node& node = m_program->nodes[index];
    if (node.isQuantize()) {
        quantizeStep(index, context);
        return;
    }
    Tensors in;
    for (const ValueId input : node.inputs)
        in.push_back(input == kAbsent ? at::Tensor() : m_values[static_cast<std::size_t>(input)]);
    m_accumulators[index] = {};
    Tensors out = evaluate(node, in, &context.formats, &m_accumulators[index]);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        const auto output = static_cast<std::size_t>(node.outputs[i]);
        m_values[output] = std::move(out.at(i));
        m_states[output] = context.states[output];
    }
    for (std::size_t site = 0; site < node.sites.size(); ++site)
        takeInnerFigures(index, site, context);
}

void Batch::takeLocalFigures(SiteFigures& site, const QuantizeJob& job) const {
    if (site.hasLocal && site.localFormat == job.type)
        return;
    if (job.x == job.reference) {
        site.localFigures = site.figures;
        site.localFigures.referenceSquares = site.localFigures.referenceSquaredError = {}; // compared with nothing
    } else {
        QuantizeJob local = job;
        local.x = job.reference;
        local.reference = nullptr;
        local.y = nullptr;
        local.given = nullptr;
        site.localFigures = quantizeWithFigures(local);
    }
    site.localFormat = job.type;
    site.hasLocal = true;
}

void Batch::takeInnerFigures(std::size_t index, std::size_t site, Context& context) {
    const Node& node = m_program->nodes[index];
    const auto slot = static_cast<std::size_t>(node.sites[site].slot);
    SiteFigures& result = m_figures[index][site];
    const auto before = static_cast<std::size_t>(node.sites[site].before);
    const auto after = static_cast<std::size_t>(node.sites[site].after);
    const SlotInfo& info = m_program->slots[slot];
    result.state = context.states[after];
    if (info.optional && !context.formats[slot].isComplete()) {
        result.figures = result.localFigures = {};
        result.hasLocal = false;
        return;
    }
    const at::Tensor x = m_values[before].contiguous(), y = m_values[after].contiguous();
    const at::Tensor reference = m_float[before].contiguous();
    QuantizeJob job;
    job.x = x.data_ptr<float>();
    job.reference = reference.data_ptr<float>();
    job.count = x.numel();
    job.type = context.formats[slot];
    job.seed = seedOf(node.sites[site].slot);
    job.range = context.ranges[slot];
    job.setShape(x.sizes(), info.path);
    if (info.optional) // computed from the exact sum, which x is only near to
        job.given = y.data_ptr<float>();
    result.figures = quantizeWithFigures(job);
    if (info.optional && m_accumulators[index].worstBits > 0) {
        result.figures.overflowLow = m_accumulators[index].overflowLow;
        result.figures.overflowHigh = m_accumulators[index].overflowHigh;
    }
    takeLocalFigures(result, job);
}

void Batch::quantizeStep(std::size_t index, Context& context) {
    const Node& node = m_program->nodes[index];
    const auto slot = static_cast<std::size_t>(node.sites[0].slot);
    const auto output = static_cast<std::size_t>(node.outputs[0]);
    const QType& format = context.formats[slot];
    if (format.isPartial())
        throw Error(node.name, format.totalBits ? "fractional_bits is missing" : "total_bits is missing",
                    "set it, or calibrate");
    const at::Tensor x = m_values[static_cast<std::size_t>(node.inputs[0])].contiguous();
    const at::Tensor reference = m_float[static_cast<std::size_t>(node.inputs[0])].contiguous();
    if (!isReal(x))
        throw Error(node.name, "the tensor is not float32", "convert the model to float32");

    QuantizeJob job;
    job.x = x.data_ptr<float>();
    job.reference = reference.data_ptr<float>();
    job.count = x.numel();
    job.type = format;
    job.seed = seedOf(node.sites[0].slot);
    job.range = context.ranges[slot];
    job.setShape(x.sizes(), node.name);
    at::Tensor result = x;
    if (!format.isFloat()) {
        // The last run's memory again, unless a view of it is kept somewhere: fresh pages cost more than the
        // arithmetic.
        at::Tensor& last = m_values[output];
        const bool reusable = last.defined() && last.use_count() == 1 && last.storage().use_count() == 1 &&
                              last.sizes() == x.sizes() && last.is_contiguous() && !last.is_same(x);
        if (reusable)
            m_states[output] = 0;
        result = reusable ? last : at::empty_like(x);
        job.y = result.data_ptr<float>();
    }
    SiteFigures& site = m_figures[index][0];
    site.figures = quantizeWithFigures(job);
    site.state = context.states[output];
    takeLocalFigures(site, job);
    m_values[output] = std::move(result);
    m_states[output] = context.states[output];
}

} // namespace fxp::quant
