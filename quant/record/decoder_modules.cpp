#include "quant/layers/transformer_decoder_layer.h"
#include "quant/record/attention_modules.h"
#include "quant/record/attention_readings.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <span>

namespace fxp::quant {

namespace {

using DecoderInputs = TransformerDecoderLayer::Inputs;

/// Adds every way to use the masks for those arguments that are still free and whose shapes fit.
std::vector<DecoderInputs> placesOfMasks(const DecoderInputs& inputs, std::span<const Value> masks,
                                         const Builder& run) {
    if (masks.empty())
        return {inputs};
    struct Place {
        Value DecoderInputs::*mask;
        Value DecoderInputs::*keys; ///< the mask's last dimension is its steps
        bool padding;
    };
    static constexpr std::array<Place, 4> kPlaces{
        {{&DecoderInputs::targetMask, &DecoderInputs::target, false},
         {&DecoderInputs::memoryMask, &DecoderInputs::memory, false},
         {&DecoderInputs::targetKeyPaddingMask, &DecoderInputs::target, true},
         {&DecoderInputs::memoryKeyPaddingMask, &DecoderInputs::memory, true}}};
    std::vector<DecoderInputs> all;
    const at::Tensor& mask = run.tensor(masks[0]);
    for (const Place& place : kPlaces) {
        const at::Tensor& keys = run.tensor(inputs.*place.keys);
        // Steps come first or second; a batch's padding mask has two dimensions, a sequence's one.
        const bool fits = mask.dim() > 0 && (mask.size(-1) == keys.size(0) || mask.size(-1) == keys.size(1)) &&
                          (place.padding ? mask.dim() == keys.dim() - 1 : mask.dim() >= 2);
        if (!fits || (inputs.*place.mask).defined())
            continue;
        DecoderInputs next = inputs;
        next.*place.mask = masks[0];
        for (const DecoderInputs& rest : placesOfMasks(next, masks.subspan(1), run))
            all.push_back(rest);
    }
    return all;
}

/// Target, memory and masks in every reading that fits the weights. A traced file has lost names and order, and has a
/// tensor only once where target and memory, or two masks, are the same.
std::vector<DecoderInputs> decoderInputs(const ModuleCall& call, std::int64_t embed, const Builder& run) {
    DecoderInputs named;
    named.targetMask = namedArgument(call, "tgt_mask");
    named.memoryMask = namedArgument(call, "memory_mask");
    named.targetKeyPaddingMask = namedArgument(call, "tgt_key_padding_mask");
    named.memoryKeyPaddingMask = namedArgument(call, "memory_key_padding_mask");
    std::vector<Value> rest;
    for (const Value tensor : tensorArguments(call)) {
        const bool isNamed = tensor.id == named.targetMask.id || tensor.id == named.memoryMask.id ||
                             tensor.id == named.targetKeyPaddingMask.id || tensor.id == named.memoryKeyPaddingMask.id;
        if (!isNamed)
            rest.push_back(tensor);
    }
    const std::vector<char> causal = causalFlags(call, 2);
    std::vector<DecoderInputs> all;
    for (std::size_t count = std::min<std::size_t>(rest.size(), 2); count > 0; --count) {
        forEachChoice(rest, count, [&](const std::vector<Value>& sequences, const std::vector<Value>& masks) {
            for (const Value value : sequences) {
                const at::Tensor& x = run.tensor(value);
                if (x.scalar_type() != at::kFloat || (x.dim() != 2 && x.dim() != 3) || x.size(-1) != embed)
                    return;
            }
            DecoderInputs inputs = named;
            inputs.target = sequences[0];
            inputs.memory = sequences.back();
            for (const DecoderInputs& assigned : placesOfMasks(inputs, masks, run))
                all.push_back(assigned);
            if (causal[0] || causal[1]) {
                inputs.targetCausal = causal[0] != 0;
                inputs.memoryCausal = causal[1] != 0;
                for (const DecoderInputs& assigned : placesOfMasks(inputs, masks, run))
                    all.push_back(assigned);
                inputs.targetMask = inputs.memoryMask = {};
                all.push_back(inputs);
            }
        });
    }
    return all;
}

bool fit(const DecoderInputs& in, std::int64_t heads, Arrangement arrangement, const Builder& run) {
    const Extents target(run.tensor(in.target), arrangement), memory(run.tensor(in.memory), arrangement);
    return target.batch == memory.batch &&
           masksFit({in.targetMask, in.targetKeyPaddingMask}, target, target, heads, arrangement, run) &&
           masksFit({in.memoryMask, in.memoryKeyPaddingMask}, target, memory, heads, arrangement, run);
}

} // namespace

Candidates decoderLayerCandidates(const ModuleCall& call, const Builder& run) {
    const auto selfAttention = attentionParameters(call, "self_attn.");
    const auto crossAttention = attentionParameters(call, "multihead_attn.");
    if (!selfAttention || !crossAttention || !parameter(call, "linear1.weight").defined())
        return {};
    const auto inputs = decoderInputs(call, selfAttention->qWeight.size(1), run);
    if (inputs.empty())
        return {};
    const std::int64_t dims = run.tensor(inputs[0].target).dim();
    const auto heads = headCounts(call, "self_attn.", selfAttention->qWeight.size(0));
    const auto places = arrangements(call, "self_attn.", dims);
    const TransformerOptions options(call);
    Candidates list;
    const auto add = [&](const std::vector<std::size_t>& choice) {
        const DecoderInputs& given = inputs[choice[0]];
        const Arrangement arrangement = places[choice[2]];
        const bool sameRank = run.tensor(given.target).dim() == dims && run.tensor(given.memory).dim() == dims;
        if (!sameRank || !fit(given, heads[choice[1]], arrangement, run))
            return true;
        DecoderLayerParameters p;
        p.selfAttention = *selfAttention;
        p.crossAttention = *crossAttention;
        p.selfAttention.heads = p.crossAttention.heads = heads[choice[1]];
        options.fill(p, call, std::span(choice).subspan(3));
        p.norm3 = normParameters(call, "norm3.", options.epsilons[choice[5]]);
        list.push_back({[p, given, arrangement, path = call.path](Builder& builder) {
            TransformerDecoderLayer layer(path, p);
            DecoderInputs in = given;
            in.target = arrange(in.target, arrangement, builder);
            in.memory = arrange(in.memory, arrangement, builder);
            in.targetKeyPaddingMask = arrangeMask(in.targetKeyPaddingMask, arrangement, builder);
            in.memoryKeyPaddingMask = arrangeMask(in.memoryKeyPaddingMask, arrangement, builder);
            const Value out = layer.forward(in, builder);
            layer.declare(builder);
            return std::vector<Value>{arrangeBack(out, arrangement, builder)};
        }});
        return list.size() < kMaxCandidates;
    };
    forEachByLikelihood({inputs.size(), heads.size(), places.size(), options.normFirst.size(),
                         options.activations.size(), options.epsilons.size()},
                        add);
    return list;
}

} // namespace fxp::quant
