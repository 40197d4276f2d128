#include "quant/import/attention_modules.h"

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

/// Divisors of the embedding, the file's own count of heads first, then the larger ones.
std::vector<std::int64_t> headCounts(const ModuleCall& call, const std::string& prefix, std::int64_t embed) {
    std::vector<std::int64_t> counts;
    if (const auto heads = attribute<std::int64_t>(call, prefix + "num_heads"))
        counts.push_back(*heads);
    for (const auto& seen : call.hints) { // the fused kernels are given it
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
        return run.apply("transpose", {x}, [](std::span<const at::Tensor> in) { return in[0].transpose(0, 1); });
    if (arrangement == Arrangement::Unbatched)
        return run.apply("unsqueeze", {x}, [](std::span<const at::Tensor> in) { return in[0].unsqueeze(0); });
    return x;
}

Value arrangeBack(Value x, Arrangement arrangement, Builder& run) {
    if (arrangement == Arrangement::Unbatched)
        return run.apply("squeeze", {x}, [](std::span<const at::Tensor> in) { return in[0].squeeze(0); });
    return arrange(x, arrangement, run);
}

std::vector<Arrangement> arrangements(const ModuleCall& call, const std::string& prefix, std::int64_t dims) {
    if (dims == 2)
        return {Arrangement::Unbatched};
    if (const auto batchFirst = attribute<bool>(call, prefix + "batch_first"))
        return {*batchFirst ? Arrangement::BatchFirst : Arrangement::TimeFirst};
    return {Arrangement::BatchFirst, Arrangement::TimeFirst};
}

/// What a traced file leaves open of an attention, likeliest first.
std::vector<std::pair<std::int64_t, Arrangement>>
headsAndArrangements(const ModuleCall& call, const std::string& prefix, std::int64_t embed, std::int64_t dims) {
    std::vector<std::pair<std::int64_t, Arrangement>> pairs;
    for (const std::int64_t heads : headCounts(call, prefix, embed)) {
        for (const Arrangement arrangement : arrangements(call, prefix, dims))
            pairs.emplace_back(heads, arrangement);
    }
    return pairs;
}

/// The constructor's arguments of an encoder or decoder layer that a traced file leaves open, likeliest first.
struct TransformerOptions {
    bool normFirst = false;
    std::string activation;
    double eps = 0;
};

std::vector<TransformerOptions> transformerOptions(const ModuleCall& call) {
    std::vector<bool> orders{true, false};
    if (const auto normFirst = attribute<bool>(call, "norm_first"))
        orders = {*normFirst};
    std::vector<std::string> activations{"relu", "gelu"}; // a fused kernel shows neither
    if (hint(call, "gelu"))
        activations = {"gelu"};
    else if (hint(call, "relu"))
        activations = {"relu"};
    std::vector<TransformerOptions> list;
    for (const bool normFirst : orders)
        for (const std::string& activation : activations)
            for (const double eps : epsilons(call, "norm1."))
                list.push_back({normFirst, activation, eps});
    return list;
}

/// An attention mask and a key padding mask; either may be undefined.
struct Masks {
    Value attention, keyPadding;
};

/// Which mask is which, by name where the file has the names; else every way, the likeliest by shape first.
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

/// What an attention was given, one of the ways in which a call can be read.
struct AttentionArguments {
    std::vector<Value> sequences; ///< query, key, value
    std::vector<Masks> masks;
};

/// Query, key, value and masks in every way that fits the weights. A scripted file names the masks; a traced one has
/// the arguments in the order of their first use, and those that are one tensor merged.
std::vector<AttentionArguments> attentionArguments(const ModuleCall& call, const AttentionParameters& parameters,
                                                   OperatorRecorder& recorder) {
    const Builder& run = recorder.builder();
    const Masks named{namedArgument(call, "attn_mask", recorder), namedArgument(call, "key_padding_mask", recorder)};
    std::vector<Value> rest;
    for (const Value value : tensorArguments(call, recorder)) {
        if (value.id != named.attention.id && value.id != named.keyPadding.id)
            rest.push_back(value);
    }
    std::vector<AttentionArguments> all;
    const auto read = [&](const std::vector<Value>& sequences, const std::vector<Value>& masks) {
        const std::int64_t dims = run.tensor(sequences[0]).dim();
        const auto fits = [&](Value value, const at::Tensor& weight) {
            const at::Tensor& tensor = run.tensor(value);
            return tensor.scalar_type() == at::kFloat && tensor.dim() == dims && (dims == 2 || dims == 3) &&
                   tensor.size(-1) == weight.size(1);
        };
        if (fits(sequences[0], parameters.qWeight) && fits(sequences[1], parameters.kWeight) &&
            fits(sequences[2], parameters.vWeight))
            all.push_back({sequences, maskAssignments(named, masks, run)});
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

/// Whether the fused attentions inside were told to be causal, in order: then the call's mask does not say it.
std::vector<bool> causalFlags(const ModuleCall& call, std::size_t count) {
    std::vector<bool> flags;
    for (const auto& seen : call.hints) {
        if (seen.op == "scaled_dot_product_attention")
            flags.push_back(seen.arguments.size() > 5 && seen.arguments[5].isBool() && seen.arguments[5].toBool());
    }
    flags.resize(count);
    return flags;
}

/// An unbatched call's key padding mask [S] as a batch of one.
Value arrangeMask(Value mask, Arrangement arrangement, Builder& run) {
    return mask.defined() && arrangement == Arrangement::Unbatched ? arrange(mask, arrangement, run) : mask;
}

/// How an attention's weights are given back: by head or averaged, and of a batch or of one sequence.
struct WeightsForm {
    bool wanted = false, average = true, unbatched = false;
};

WeightsForm weightsForm(const ModuleCall& call, std::int64_t dims) {
    if (!call.result.isTuple() || call.result.toTupleRef().elements().size() != 2 ||
        !call.result.toTupleRef().elements()[1].isTensor() ||
        !call.result.toTupleRef().elements()[1].toTensor().defined())
        return {};
    // [B, T, S] or [T, S] against one dimension more for the heads.
    return {true, call.result.toTupleRef().elements()[1].toTensor().dim() == dims, dims == 2};
}

Candidate attentionCandidate(const std::string& path, const AttentionParameters& parameters,
                             const std::vector<Value>& sequences, const Masks& masks, Arrangement arrangement,
                             const WeightsForm& form, bool causal) {
    return {[=](Builder& run) {
        MultiheadAttention layer(path, parameters);
        const auto arranged = [&](Value x) { return arrange(x, arrangement, run); };
        const Value query = arranged(sequences[0]), key = arranged(sequences[1]), value = arranged(sequences[2]);
        const auto out = layer.forward(
            {query, key, value, masks.attention, arrangeMask(masks.keyPadding, arrangement, run), form.wanted, causal},
            run);
        run.declare(layer);
        std::vector<Value> results{arrangeBack(out.output, arrangement, run)};
        if (form.wanted) {
            results.push_back(run.apply("weights", {out.weights}, [form](std::span<const at::Tensor> in) {
                const at::Tensor weights = form.average ? in[0].mean(1) : in[0];
                return form.unbatched ? weights.squeeze(0) : weights;
            }));
        }
        return results;
    }};
}

void addEncoderCandidates(const ModuleCall& call, const AttentionParameters& attention,
                          const TransformerEncoderLayer::Inputs& inputs, std::int64_t dims, Candidates& list) {
    for (const auto& [heads, arrangement] : headsAndArrangements(call, "self_attn.", attention.qWeight.size(0), dims)) {
        for (const TransformerOptions& options : transformerOptions(call)) {
            EncoderLayerParameters p;
            p.attention = attention;
            p.attention.heads = heads;
            p.linear1Weight = parameter(call, "linear1.weight");
            p.linear1Bias = parameter(call, "linear1.bias");
            p.linear2Weight = parameter(call, "linear2.weight");
            p.linear2Bias = parameter(call, "linear2.bias");
            p.norm1 = normParameters(call, "norm1.", options.eps);
            p.norm2 = normParameters(call, "norm2.", options.eps);
            p.normFirst = options.normFirst;
            p.activation = options.activation;
            list.push_back({[=, arrangement = arrangement, path = call.path](Builder& run) {
                TransformerEncoderLayer layer(path, p);
                auto in = inputs;
                in.source = arrange(in.source, arrangement, run);
                in.keyPaddingMask = arrangeMask(in.keyPaddingMask, arrangement, run);
                const Value out = layer.forward(in, run);
                run.declare(layer);
                return std::vector<Value>{arrangeBack(out, arrangement, run)};
            }});
        }
    }
}

} // namespace

Candidates attentionCandidates(const ModuleCall& call, OperatorRecorder& recorder) {
    const auto base = attentionParameters(call, "");
    if (!base)
        return {};
    std::vector<bool> zeroRows{base->addZeroAttn};
    if (!attribute<bool>(call, "add_zero_attn"))
        zeroRows.push_back(true);
    const bool causal = causalFlags(call, 1)[0];
    Candidates list;
    for (const AttentionArguments& arguments : attentionArguments(call, *base, recorder)) {
        const std::int64_t dims = recorder.builder().tensor(arguments.sequences[0]).dim();
        for (const bool zeroRow : zeroRows) {
            for (const auto& [heads, arrangement] : headsAndArrangements(call, "", base->qWeight.size(0), dims)) {
                for (const Masks& masks : arguments.masks) {
                    AttentionParameters parameters = *base;
                    parameters.heads = heads;
                    parameters.addZeroAttn = zeroRow;
                    list.push_back(attentionCandidate(call.path, parameters, arguments.sequences, masks, arrangement,
                                                      weightsForm(call, dims), false));
                    if (causal)
                        list.push_back(attentionCandidate(call.path, parameters, arguments.sequences, {}, arrangement,
                                                          weightsForm(call, dims), true));
                }
            }
        }
    }
    return list;
}

Candidates encoderLayerCandidates(const ModuleCall& call, OperatorRecorder& recorder) {
    const auto attention = attentionParameters(call, "self_attn.");
    const std::vector<Value> tensors = tensorArguments(call, recorder);
    if (!attention || tensors.empty() || !parameter(call, "linear1.weight").defined())
        return {};
    const Masks named{namedArgument(call, "src_mask", recorder), namedArgument(call, "src_key_padding_mask", recorder)};
    const bool causal = causalFlags(call, 1)[0];
    Candidates list;
    forEachChoice(tensors, 1, [&](const std::vector<Value>& source, const std::vector<Value>& rest) {
        const at::Tensor& x = recorder.builder().tensor(source[0]);
        if (x.scalar_type() != at::kFloat || x.dim() < 2 || x.size(-1) != attention->qWeight.size(1))
            return;
        std::vector<Value> unnamed;
        for (const Value value : rest) {
            if (value.id != named.attention.id && value.id != named.keyPadding.id)
                unnamed.push_back(value);
        }
        std::vector<TransformerEncoderLayer::Inputs> inputs;
        for (const Masks& masks : maskAssignments(named, unnamed, recorder.builder()))
            inputs.push_back({source[0], masks.attention, masks.keyPadding});
        if (causal)
            inputs.push_back({source[0], {}, {}, true});
        for (const auto& in : inputs)
            addEncoderCandidates(call, *attention, in, x.dim(), list);
    });
    return list;
}

namespace {

using DecoderInputs = TransformerDecoderLayer::Inputs;

/// Every way to give the masks to the places that are free and fit.
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

/// Target, memory and masks in every way that fits the weights; a traced file has lost names and order, and where
/// target and memory are one tensor, or two masks, it has it once.
std::vector<DecoderInputs> decoderInputs(const ModuleCall& call, std::int64_t embed, OperatorRecorder& recorder) {
    DecoderInputs named;
    named.targetMask = namedArgument(call, "tgt_mask", recorder);
    named.memoryMask = namedArgument(call, "memory_mask", recorder);
    named.targetKeyPaddingMask = namedArgument(call, "tgt_key_padding_mask", recorder);
    named.memoryKeyPaddingMask = namedArgument(call, "memory_key_padding_mask", recorder);
    std::vector<Value> rest;
    for (const Value tensor : tensorArguments(call, recorder)) {
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
                const at::Tensor& x = recorder.builder().tensor(value);
                if (x.scalar_type() != at::kFloat || x.dim() < 2 || x.size(-1) != embed)
                    return;
            }
            DecoderInputs inputs = named;
            inputs.target = sequences[0];
            inputs.memory = sequences.back();
            for (const DecoderInputs& assigned : placesOfMasks(inputs, masks, recorder.builder()))
                all.push_back(assigned);
            if (causal[0] || causal[1]) {
                inputs.targetCausal = causal[0];
                inputs.memoryCausal = causal[1];
                for (const DecoderInputs& assigned : placesOfMasks(inputs, masks, recorder.builder()))
                    all.push_back(assigned);
                inputs.targetMask = inputs.memoryMask = {};
                all.push_back(inputs);
            }
        });
    }
    return all;
}

} // namespace

Candidates decoderLayerCandidates(const ModuleCall& call, OperatorRecorder& recorder) {
    const auto selfAttention = attentionParameters(call, "self_attn.");
    const auto crossAttention = attentionParameters(call, "multihead_attn.");
    if (!selfAttention || !crossAttention || !parameter(call, "linear1.weight").defined())
        return {};
    Candidates list;
    for (const DecoderInputs& inputs : decoderInputs(call, selfAttention->qWeight.size(1), recorder)) {
        const std::int64_t dims = recorder.builder().tensor(inputs.target).dim();
        for (const auto& [heads, arrangement] :
             headsAndArrangements(call, "self_attn.", selfAttention->qWeight.size(0), dims)) {
            for (const TransformerOptions& options : transformerOptions(call)) {
                DecoderLayerParameters p;
                p.selfAttention = *selfAttention;
                p.crossAttention = *crossAttention;
                p.selfAttention.heads = p.crossAttention.heads = heads;
                p.linear1Weight = parameter(call, "linear1.weight");
                p.linear1Bias = parameter(call, "linear1.bias");
                p.linear2Weight = parameter(call, "linear2.weight");
                p.linear2Bias = parameter(call, "linear2.bias");
                p.norm1 = normParameters(call, "norm1.", options.eps);
                p.norm2 = normParameters(call, "norm2.", options.eps);
                p.norm3 = normParameters(call, "norm3.", options.eps);
                p.normFirst = options.normFirst;
                p.activation = options.activation;
                list.push_back({[=, arrangement = arrangement, path = call.path](Builder& run) {
                    TransformerDecoderLayer layer(path, p);
                    auto in = inputs;
                    in.target = arrange(in.target, arrangement, run);
                    in.memory = arrange(in.memory, arrangement, run);
                    in.targetKeyPaddingMask = arrangeMask(in.targetKeyPaddingMask, arrangement, run);
                    in.memoryKeyPaddingMask = arrangeMask(in.memoryKeyPaddingMask, arrangement, run);
                    const Value out = layer.forward(in, run);
                    run.declare(layer);
                    return std::vector<Value>{arrangeBack(out, arrangement, run)};
                }});
            }
        }
    }
    return list;
}

} // namespace fxp::quant
