#include "quant/graph/program.h"

#include "quant/core/quantize.h"

#include <ATen/core/Tensor.h>

namespace fxp::quant {

std::uint64_t seedOf(SlotId slot) {
    // splitmix64's finalizer over the slot's number.
    std::uint64_t z = 0x6678702D73656564u + (static_cast<std::uint64_t>(slot) + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

Tensors evaluate(const Node& node, std::span<const at::Tensor> inputs, const std::vector<QType>* formats,
                 AccumulatorUse* sum) {
    if (node.operation)
        return node.operation(inputs);
    if (node.isQuantize()) {
        if (!formats)
            return {inputs[0]};
        const SlotId slot = node.sites[0].slot;
        return {quantize(inputs[0], (*formats)[static_cast<std::size_t>(slot)], node.name, seedOf(slot))};
    }
    std::vector<SlotFormat> own;
    for (const SlotId slot : node.formatSlots) {
        const QType type = formats ? (*formats)[static_cast<std::size_t>(slot)] : QType{};
        own.push_back({type.isPartial() ? QType{} : type, seedOf(slot)});
    }
    return node.formatOperation(inputs, own, sum);
}

} // namespace fxp::quant
