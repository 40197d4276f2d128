#include "quant/engine/working_set.h"

#include "quant/engine/batch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace fxp::quant {

namespace {

/// The sizes of a recording's values.
class Sizes {
  public:
    Sizes(const Program& program, const Tensors& values) : m_values(values), m_constant(constantValues(program)) {
        // Of the inputs, every batch has a part of what exists anyway.
        for (const ValueId input : program.inputs) {
            if (const void* memory = memoryOf(input))
                m_given.insert(memory);
        }
    }

    /// The memory that a value lies in; null where it takes none of a batch's own.
    const void* memoryOf(ValueId id) const {
        if (id == kAbsent || m_constant[static_cast<std::size_t>(id)])
            return nullptr;
        const at::Tensor& value = m_values[static_cast<std::size_t>(id)];
        if (!value.defined() || !value.has_storage())
            return nullptr;
        const void* memory = value.storage().unsafeGetStorageImpl();
        return m_given.contains(memory) ? nullptr : memory;
    }
    std::int64_t storageBytes(ValueId id) const {
        return static_cast<std::int64_t>(m_values[static_cast<std::size_t>(id)].storage().nbytes());
    }
    /// Elements; 0 for what depends on no input.
    std::int64_t elements(ValueId id) const {
        if (id == kAbsent || m_constant[static_cast<std::size_t>(id)])
            return 0;
        const at::Tensor& value = m_values[static_cast<std::size_t>(id)];
        return value.defined() ? value.numel() : 0;
    }
    const at::Tensor& value(ValueId id) const { return m_values[static_cast<std::size_t>(id)]; }

  private:
    const Tensors& m_values;
    std::vector<char> m_constant;
    std::unordered_set<const void*> m_given;
};

/// Bytes of a step's own buffers: a product in float64 has copies of its operand and of its result, and a convolution
/// the columns that it is made a product of; other steps put a value into the order of samples, or compute in float64.
std::int64_t temporaryOf(const Step& step, const Sizes& sizes) {
    constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float)),
                   kDouble = static_cast<std::int64_t>(sizeof(double));
    std::int64_t in = 0, out = 0, columns = 0;
    for (const ValueId input : step.inputs)
        in += sizes.elements(input);
    for (const ValueId output : step.outputs)
        out = std::max(out, sizes.elements(output));
    if (in == 0 || out == 0)
        return 0;
    if (step.op.find("conv") != std::string::npos && step.inputs.size() > 1 && step.inputs[1] != kAbsent) {
        const at::Tensor& weight = sizes.value(step.inputs[1]);
        if (weight.defined() && weight.dim() > 2 && weight.size(0) > 0)
            columns = out / weight.size(0) * (weight.numel() / weight.size(0));
    }
    if (step.formats.size() > 1)
        return kDouble * (in + 2 * out + columns);
    return kFloat * (in + 2 * out);
}

/// Counts memory by its users, as values come and go.
class Alive {
  public:
    explicit Alive(const Sizes& sizes) : m_sizes(sizes) {}
    void add(ValueId id) {
        const void* memory = m_sizes.memoryOf(id);
        if (memory && ++m_users[memory] == 1)
            m_bytes += m_sizes.storageBytes(id);
    }
    void remove(ValueId id) {
        const void* memory = m_sizes.memoryOf(id);
        if (memory && --m_users[memory] == 0)
            m_bytes -= m_sizes.storageBytes(id);
    }
    std::int64_t bytes() const { return m_bytes; }

  private:
    const Sizes& m_sizes;
    std::unordered_map<const void*, int> m_users;
    std::int64_t m_bytes = 0;
};

} // namespace

WorkingSet workingSetOf(const Program& program, const Tensors& values, std::int64_t samples,
                        const std::vector<char>& needed) {
    const Sizes sizes(program, values);
    const std::vector<std::size_t> last = lastReaders(program);
    // The quantized values lie as the float run's do, but each has memory of its own after it was quantized.
    std::int64_t quantized = 0, kept = 0, recorded = 0, live = 0, temporary = 0, outputs = 0, own = 0;
    std::unordered_set<const void*> all, compared;
    for (ValueId id = 0; id < program.valueCount; ++id) {
        const void* memory = sizes.memoryOf(id);
        if (!memory)
            continue;
        if (all.insert(memory).second)
            recorded += sizes.storageBytes(id);
        if (needed[static_cast<std::size_t>(id)] && compared.insert(memory).second)
            kept += sizes.storageBytes(id);
    }
    constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float));
    Alive alive(sizes);
    std::vector<std::vector<ValueId>> ends(program.steps.size());
    for (ValueId id = 0; id < program.valueCount; ++id) {
        if (const std::size_t end = last[static_cast<std::size_t>(id)]; end < ends.size())
            ends[end].push_back(id);
    }
    std::vector<std::int64_t> ownBytes(static_cast<std::size_t>(program.valueCount), 0);
    for (std::size_t index = 0; index < program.steps.size(); ++index) {
        const Step& step = program.steps[index];
        std::ranges::for_each(step.outputs, [&](ValueId id) { alive.add(id); });
        for (const Site& site : step.sites) {
            ownBytes[static_cast<std::size_t>(site.after)] = kFloat * sizes.elements(site.after);
            own += ownBytes[static_cast<std::size_t>(site.after)];
            quantized += ownBytes[static_cast<std::size_t>(site.after)];
        }
        const std::int64_t stepsOwn = temporaryOf(step, sizes);
        temporary = std::max(temporary, stepsOwn);
        live = std::max(live, 2 * alive.bytes() + own + stepsOwn); // the float run's and the quantized
        for (const ValueId id : ends[index]) {
            alive.remove(id);
            own -= std::exchange(ownBytes[static_cast<std::size_t>(id)], 0);
        }
    }
    for (const ValueId output : program.outputs)
        outputs += kFloat * sizes.elements(output);
    kept += recorded + quantized;
    const auto perSample = [samples](std::int64_t bytes) { return bytes / samples + 1; };
    return {perSample(kept), perSample(recorded), perSample(live), perSample(temporary), perSample(outputs)};
}

} // namespace fxp::quant
