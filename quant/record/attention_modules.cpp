#include "quant/record/attention_modules.h"

#include "quant/layers/transformer_encoder_layer.h"
#include "quant/record/attention_readings.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <span>

namespace fxp::quant {

namespace {

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
           masksFit(reading.masks, query, key, heads, arrangement, run);
}

/// Query, key, value and masks in every reading that fits the weights. A scripted file names the masks. A traced one
/// has the arguments in the order of their first use, and those that are the same tensor only once.
std::vector<AttentionReading> attentionReadings(const ModuleCall& call, const AttentionParameters& parameters,
                                                const Builder& run) {
    const Masks named{namedArgument(call, "attn_mask"), namedArgument(call, "key_padding_mask")};
    const bool causal = causalFlags(call, 1)[0] != 0;
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
    const bool causal = causalFlags(call, 1)[0] != 0;
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
    std::vector<char> zeroRows{base->addZeroAttn};
    if (!attribute<bool>(call, "add_zero_attn"))
        zeroRows.push_back(1);
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
        parameters.addZeroAttn = zeroRows[choice[1]] != 0;
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
        if (!masksFit({given.attentionMask, given.keyPaddingMask}, extents, extents, p.attention.heads, arrangement,
                      run))
            return true;
        options.fill(p, call, std::span(choice).subspan(3));
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

} // namespace fxp::quant
