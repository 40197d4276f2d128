#include "quant/record/attention_modules.h"

#include "quant/layers/transformer_decoder_layer.h"
#include "quant/layers/transformer_encoder_layer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <utility>

namespace fxp::quant {

namespace {

/// Visits the choices of one index below each count, those of the smallest sum first and in lexicographic order among
/// them: the likeliest first, where each index counts from the likeliest. Until `visit` says no.
void forEachByLikelihood(const std::vector<std::size_t>& counts,
                         const std::function<bool(const std::vector<std::size_t>&)>& visit) {
    std::vector<std::size_t> choice;
    const std::function<bool(std::size_t)> withSum = [&](std::size_t sum) {
        if (choice.size() == counts.size())
            return sum > 0 || visit(choice);
        const std::size_t count = counts[choice.size()];
        for (std::size_t i = 0; i < count && i <= sum; ++i) {
            choice.push_back(i);
            const bool goOn = withSum(sum - i);
            choice.pop_back();
            if (!goOn)
                return false;
        }
        return true;
    };
    std::size_t greatest = 0;
    for (const std::size_t count : counts) {
        if (count == 0)
            return;
        greatest += count - 1;
    }
    for (std::size_t sum = 0; sum <= greatest; ++sum) {
        if (!withSum(sum))
            return;
    }
}

/// Divisors of the embedding, likeliest first.
std::vector<std::int64_t> headCounts(const ModuleCall& call, const std::string& prefix, std::int64_t embed) {
    if (const auto heads = attribute<std::int64_t>(call, prefix + "num_heads"))
        return {*heads};
    std::vector<std::int64_t> counts;
    for (const auto& seen : call.hints) { // the fused kernels have it as an argument
        for (const at::IValue& argument : seen.arguments) {
            if (seen.op.starts_with("_") && argument.isInt() && argument.toInt() > 0 && embed % argument.toInt() == 0 &&
                argument.toInt() != embed)
                counts.push_back(argument.toInt());
        }
    }
    for (const auto& seen : call.hints) { // a view of three or four dimensions ends in a head's depth
        if (seen.op != "view" || seen.arguments.size() < 2 || !seen.arguments[1].isIntList())
            continue;
        const auto shape = seen.arguments[1].toIntVector();
        if (shape.size() >= 3 && shape.back() > 0 && embed % shape.back() == 0)
            counts.push_back(embed / shape.back());
    }
    for (std::int64_t heads = embed; heads >= 1; --heads) {
        if (embed % heads == 0)
            counts.push_back(heads);
    }
    std::vector<std::int64_t> distinct;
    for (const std::int64_t heads : counts) {
        if (heads > 0 && std::ranges::find(distinct, heads) == distinct.end())
            distinct.push_back(heads);
    }
    return distinct;
}

std::optional<AttentionParameters> attentionParameters(const ModuleCall& call, const std::string& prefix) {
    AttentionParameters p;
    const at::Tensor packed = parameter(call, prefix + "in_proj_weight");
    const at::Tensor packedBias = parameter(call, prefix + "in_proj_bias");
    p.outWeight = parameter(call, prefix + "out_proj.weight");
    p.outBias = parameter(call, prefix + "out_proj.bias");
    if (packed.defined()) {
        splitPacked(packed, packedBias, p);
    } else {
        p.qWeight = parameter(call, prefix + "q_proj_weight");
        p.kWeight = parameter(call, prefix + "k_proj_weight");
        p.vWeight = parameter(call, prefix + "v_proj_weight");
        if (packedBias.defined()) {
            const auto biases = packedBias.chunk(3);
            p.qBias = biases[0].contiguous();
            p.kBias = biases[1].contiguous();
            p.vBias = biases[2].contiguous();
        }
    }
    p.biasK = parameter(call, prefix + "bias_k");
    p.biasV = parameter(call, prefix + "bias_v");
    p.addZeroAttn = attribute<bool>(call, prefix + "add_zero_attn").value_or(false);
    if (p.biasK.defined() != p.biasV.defined() || !p.qWeight.defined() || !p.kWeight.defined() ||
        !p.vWeight.defined() || !p.outWeight.defined())
        return std::nullopt;
    return p;
}

/// [T, B, E] ↔ [B, T, E], or a batch of one around an unbatched [T, E]; the tensor itself where it is batch first.
enum class Arrangement { BatchFirst, TimeFirst, Unbatched };

Value arrange(Value x, Arrangement arrangement, Builder& run) {
    if (arrangement == Arrangement::TimeFirst)
        return run.call("aten::transpose.int", {x, 0, 1});
    if (arrangement == Arrangement::Unbatched)
        return run.call("aten::unsqueeze", {x, 0});
    return x;
}

Value arrangeBack(Value x, Arrangement arrangement, Builder& run) {
    if (arrangement == Arrangement::Unbatched)
        return run.call("aten::squeeze.dim", {x, 0});
    return arrange(x, arrangement, run);
}

std::vector<Arrangement> arrangements(const ModuleCall& call, const std::string& prefix, std::int64_t dims) {
    if (dims == 2)
        return {Arrangement::Unbatched};
    if (const auto batchFirst = attribute<bool>(call, prefix + "batch_first"))
        return {*batchFirst ? Arrangement::BatchFirst : Arrangement::TimeFirst};
    return {Arrangement::BatchFirst, Arrangement::TimeFirst};
}

/// How many samples and steps a sequence has: [B, T, E], [T, B, E] or [T, E].
struct Extents {
    std::int64_t batch = 1, steps = 0;

    Extents(const at::Tensor& x, Arrangement arrangement) {
        const bool batched = arrangement != Arrangement::Unbatched;
        const bool batchFirst = arrangement == Arrangement::BatchFirst;
        batch = batched ? x.size(batchFirst ? 0 : 1) : 1;
        steps = x.size(batchFirst ? 1 : 0);
    }
};

/// The constructor's arguments of an encoder or decoder layer that a traced file leaves open, each likeliest first.
struct TransformerOptions {
    std::vector<bool> normFirst{true, false};
    std::vector<std::string> activations{"relu", "gelu"}; // neither operator was seen: a fused kernel hides them
    std::vector<double> epsilons;

    explicit TransformerOptions(const ModuleCall& call) : epsilons(quant::epsilons(call, "norm1.")) {
        if (const auto attributed = attribute<bool>(call, "norm_first"))
            normFirst = {*attributed};
        if (hint(call, "gelu"))
            activations = {"gelu"};
        else if (hint(call, "relu"))
            activations = {"relu"};
    }
};

/// An attention mask and a key padding mask; either may be undefined.
struct Masks {
    Value attention, keyPadding;
};

/// Whether the masks have the shapes that nn.MultiheadAttention takes: [T, S] or [B · heads, T, S]; [B, S] or [S].
bool fit(const Masks& masks, const Extents& query, const Extents& key, std::int64_t heads, Arrangement arrangement,
         const Builder& run) {
    if (masks.attention.defined()) {
        const at::Tensor& mask = run.tensor(masks.attention);
        const bool fits = (mask.dim() == 2 || (mask.dim() == 3 && mask.size(0) == query.batch * heads)) &&
                          mask.size(-2) == query.steps && mask.size(-1) == key.steps;
        if (!fits)
            return false;
    }
    if (!masks.keyPadding.defined())
        return true;
    const at::Tensor& mask = run.tensor(masks.keyPadding);
    const bool batched = arrangement != Arrangement::Unbatched;
    return mask.dim() == (batched ? 2 : 1) && mask.size(-1) == key.steps && (!batched || mask.size(0) == key.batch);
}

/// Which mask is which: by name where the file has the names, else every way, the likeliest by shape first.
std::vector<Masks> maskAssignments(const Masks& named, const std::vector<Value>& unnamed, const Builder& run) {
    if (unnamed.empty())
        return {named};
    if (unnamed.size() > 2)
        return {};
    if (unnamed.size() == 2) // the order of nn.MultiheadAttention's arguments, then that of the encoder layer's
        return {{unnamed[1], unnamed[0]}, {unnamed[0], unnamed[1]}};
    const Masks asAttention{unnamed[0], named.keyPadding}, asPadding{named.attention, unnamed[0]};
    const at::Tensor& mask = run.tensor(unnamed[0]);
    const bool square = mask.dim() == 3 || (mask.dim() == 2 && mask.size(0) == mask.size(1));
    if (named.attention.defined() || named.keyPadding.defined())
        return {named.attention.defined() ? asPadding : asAttention};
    return square ? std::vector<Masks>{asAttention, asPadding} : std::vector<Masks>{asPadding, asAttention};
}

/// Which of the fused attentions inside had the argument is_causal set, in order: the mask of the call is then not
/// among their arguments.
std::vector<bool> causalFlags(const ModuleCall& call, std::size_t count) {
    std::vector<bool> flags;
    for (const auto& seen : call.hints) {
        if (seen.op == "scaled_dot_product_attention")
            flags.push_back(seen.arguments.size() > 5 && seen.arguments[5].isBool() && seen.arguments[5].toBool());
    }
    flags.resize(count);
    return flags;
}

/// The arguments of an attention's call, in one of the possible readings.
struct AttentionReading {
    std::vector<Value> sequences; ///< query, key, value
    Masks masks;
    bool causal = false;
};

bool fit(const AttentionReading& reading, std::int64_t heads, Arrangement arrangement, const Builder& run) {
    const Extents query(run.tensor(reading.sequences[0]), arrangement),
        key(run.tensor(reading.sequences[1]), arrangement), value(run.tensor(reading.sequences[2]), arrangement);
    return query.batch == key.batch && key.batch == value.batch && key.steps == value.steps &&
           fit(reading.masks, query, key, heads, arrangement, run);
}

/// Query, key, value and masks in every reading that fits the weights. A scripted file names the masks. A traced one
/// has the arguments in the order of their first use, and those that are the same tensor only once.
std::vector<AttentionReading> attentionReadings(const ModuleCall& call, const AttentionParameters& parameters,
                                                const Builder& run) {
    const Masks named{namedArgument(call, "attn_mask"), namedArgument(call, "key_padding_mask")};
    const bool causal = causalFlags(call, 1)[0];
    std::vector<Value> rest;
    for (const Value value : tensorArguments(call)) {
        if (value != named.attention && value != named.keyPadding)
            rest.push_back(value);
    }
    std::vector<AttentionReading> all;
    const auto read = [&](const std::vector<Value>& sequences, const std::vector<Value>& masks) {
        const std::int64_t dims = run.tensor(sequences[0]).dim();
        const auto fits = [&](Value value, const at::Tensor& weight) {
            const at::Tensor& tensor = run.tensor(value);
            return tensor.scalar_type() == at::kFloat && tensor.dim() == dims && (dims == 2 || dims == 3) &&
                   tensor.size(-1) == weight.size(1);
        };
        if (!fits(sequences[0], parameters.qWeight) || !fits(sequences[1], parameters.kWeight) ||
            !fits(sequences[2], parameters.vWeight))
            return;
        for (const Masks& assigned : maskAssignments(named, masks, run))
            all.push_back({sequences, assigned});
        if (causal)
            all.push_back({sequences, {}, true});
    };
    for (std::size_t count = std::min<std::size_t>(rest.size(), 3); count > 0; --count) {
        forEachChoice(rest, count, [&](const std::vector<Value>& main, const std::vector<Value>& masks) {
            read({main[0], main[count > 1 ? 1 : 0], main.back()}, masks);
            if (count == 2)
                read({main[0], main[0], main[1]}, masks);
        });
    }
    return all;
}

/// An unbatched call's key padding mask [S] as a batch of one.
Value arrangeMask(Value mask, Arrangement arrangement, Builder& run) {
    return mask.defined() && arrangement == Arrangement::Unbatched ? arrange(mask, arrangement, run) : mask;
}

/// In which form an attention returns its weights: by head or averaged, for a batch or for one sequence.
struct WeightsForm {
    bool wanted = false, average = true, unbatched = false;
};

WeightsForm weightsForm(const ModuleCall& call, std::int64_t dims) {
    if (!call.result.isTuple() || call.result.toTupleRef().elements().size() != 2 ||
        !call.result.toTupleRef().elements()[1].isTensor() ||
        !call.result.toTupleRef().elements()[1].toTensor().defined())
        return {};
    // Averaged weights are [B, T, S] or [T, S]; weights by head have one dimension more.
    return {true, call.result.toTupleRef().elements()[1].toTensor().dim() == dims, dims == 2};
}

Candidate attentionCandidate(const std::string& path, const AttentionParameters& parameters,
                             const AttentionReading& reading, Arrangement arrangement, const WeightsForm& form) {
    return {[=](Builder& run) {
        MultiheadAttention layer(path, parameters);
        const auto arranged = [&](Value x) { return arrange(x, arrangement, run); };
        const Value query = arranged(reading.sequences[0]), key = arranged(reading.sequences[1]),
                    value = arranged(reading.sequences[2]);
        const auto out =
            layer.forward({query, key, value, reading.masks.attention,
                           arrangeMask(reading.masks.keyPadding, arrangement, run), form.wanted, reading.causal},
                          run);
        layer.declare(run);
        std::vector<Value> results{arrangeBack(out.output, arrangement, run)};
        if (form.wanted) {
            Value weights = out.weights;
            if (form.average)
                weights = run.call("mean", {weights, {"dims", std::vector<std::int64_t>{1}}, {"keepdim", false}});
            if (form.unbatched)
                weights = run.call("aten::squeeze.dim", {weights, 0});
            results.push_back(weights);
        }
        return results;
    }};
}

using EncoderInputs = TransformerEncoderLayer::Inputs;

/// The sequence and its masks in every reading that fits the weights.
std::vector<EncoderInputs> encoderInputs(const ModuleCall& call, std::int64_t embed, const Builder& run) {
    const Masks named{namedArgument(call, "src_mask"), namedArgument(call, "src_key_padding_mask")};
    const bool causal = causalFlags(call, 1)[0];
    std::vector<EncoderInputs> all;
    forEachChoice(tensorArguments(call), 1, [&](const std::vector<Value>& source, const std::vector<Value>& rest) {
        const at::Tensor& x = run.tensor(source[0]);
        if (x.scalar_type() != at::kFloat || (x.dim() != 2 && x.dim() != 3) || x.size(-1) != embed)
            return;
        std::vector<Value> unnamed;
        for (const Value value : rest) {
            if (value != named.attention && value != named.keyPadding)
                unnamed.push_back(value);
        }
        for (const Masks& masks : maskAssignments(named, unnamed, run))
            all.push_back({source[0], masks.attention, masks.keyPadding});
        if (causal)
            all.push_back({source[0], {}, {}, true});
    });
    return all;
}

} // namespace

Candidates attentionCandidates(const ModuleCall& call, const Builder& run) {
    const auto base = attentionParameters(call, "");
    if (!base)
        return {};
    std::vector<bool> zeroRows{base->addZeroAttn};
    if (!attribute<bool>(call, "add_zero_attn"))
        zeroRows.push_back(true);
    const auto readings = attentionReadings(call, *base, run);
    if (readings.empty())
        return {};
    const std::int64_t dims = run.tensor(readings[0].sequences[0]).dim();
    const auto heads = headCounts(call, "", base->qWeight.size(0));
    const auto places = arrangements(call, "", dims);
    Candidates list;
    forEachByLikelihood({readings.size(), zeroRows.size(), heads.size(), places.size()}, [&](const auto& choice) {
        const AttentionReading& reading = readings[choice[0]];
        const Arrangement arrangement = places[choice[3]];
        AttentionParameters parameters = *base;
        parameters.addZeroAttn = zeroRows[choice[1]];
        parameters.heads = heads[choice[2]];
        const bool sameRank = run.tensor(reading.sequences[0]).dim() == dims;
        if (sameRank && fit(reading, parameters.heads, arrangement, run))
            list.push_back(attentionCandidate(call.path, parameters, reading, arrangement, weightsForm(call, dims)));
        return list.size() < kMaxCandidates;
    });
    return list;
}

Candidates encoderLayerCandidates(const ModuleCall& call, const Builder& run) {
    const auto attention = attentionParameters(call, "self_attn.");
    if (!attention || !parameter(call, "linear1.weight").defined())
        return {};
    const auto inputs = encoderInputs(call, attention->qWeight.size(1), run);
    if (inputs.empty())
        return {};
    const std::int64_t dims = run.tensor(inputs[0].source).dim();
    const auto heads = headCounts(call, "self_attn.", attention->qWeight.size(0));
    const auto places = arrangements(call, "self_attn.", dims);
    const TransformerOptions options(call);
    Candidates list;
    const auto add = [&](const std::vector<std::size_t>& choice) {
        const EncoderInputs& given = inputs[choice[0]];
        const Arrangement arrangement = places[choice[2]];
        EncoderLayerParameters p;
        p.attention = *attention;
        p.attention.heads = heads[choice[1]];
        if (run.tensor(given.source).dim() != dims)
            return true;
        const Extents extents(run.tensor(given.source), arrangement);
        if (!fit({given.attentionMask, given.keyPaddingMask}, extents, extents, p.attention.heads, arrangement, run))
            return true;
        const double eps = options.epsilons[choice[5]];
        p.linear1Weight = parameter(call, "linear1.weight");
        p.linear1Bias = parameter(call, "linear1.bias");
        p.linear2Weight = parameter(call, "linear2.weight");
        p.linear2Bias = parameter(call, "linear2.bias");
        p.norm1 = normParameters(call, "norm1.", eps);
        p.norm2 = normParameters(call, "norm2.", eps);
        p.normFirst = options.normFirst[choice[3]];
        p.activation = options.activations[choice[4]];
        list.push_back({[p, given, arrangement, path = call.path](Builder& builder) {
            TransformerEncoderLayer layer(path, p);
            EncoderInputs in = given;
            in.source = arrange(in.source, arrangement, builder);
            in.keyPaddingMask = arrangeMask(in.keyPaddingMask, arrangement, builder);
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
    const std::vector<bool> causal = causalFlags(call, 2);
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
                inputs.targetCausal = causal[0];
                inputs.memoryCausal = causal[1];
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
           fit({in.targetMask, in.targetKeyPaddingMask}, target, target, heads, arrangement, run) &&
           fit({in.memoryMask, in.memoryKeyPaddingMask}, target, memory, heads, arrangement, run);
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
        const double eps = options.epsilons[choice[5]];
        DecoderLayerParameters p;
        p.selfAttention = *selfAttention;
        p.crossAttention = *crossAttention;
        p.selfAttention.heads = p.crossAttention.heads = heads[choice[1]];
        p.linear1Weight = parameter(call, "linear1.weight");
        p.linear1Bias = parameter(call, "linear1.bias");
        p.linear2Weight = parameter(call, "linear2.weight");
        p.linear2Bias = parameter(call, "linear2.bias");
        p.norm1 = normParameters(call, "norm1.", eps);
        p.norm2 = normParameters(call, "norm2.", eps);
        p.norm3 = normParameters(call, "norm3.", eps);
        p.normFirst = options.normFirst[choice[3]];
        p.activation = options.activations[choice[4]];
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
