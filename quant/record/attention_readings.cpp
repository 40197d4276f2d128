#include "quant/record/attention_readings.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

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

TransformerOptions::TransformerOptions(const ModuleCall& call) : epsilons(quant::epsilons(call, "norm1.")) {
    if (const auto attributed = attribute<bool>(call, "norm_first"))
        normFirst = {static_cast<char>(*attributed)};
    if (hint(call, "gelu"))
        activations = {"gelu"};
    else if (hint(call, "relu"))
        activations = {"relu"};
}

bool masksFit(const Masks& masks, const Extents& query, const Extents& key, std::int64_t heads, Arrangement arrangement,
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

Value arrangeMask(Value mask, Arrangement arrangement, Builder& run) {
    return mask.defined() && arrangement == Arrangement::Unbatched ? arrange(mask, arrangement, run) : mask;
}

std::vector<char> causalFlags(const ModuleCall& call, std::size_t count) {
    std::vector<char> flags;
    for (const auto& seen : call.hints) {
        if (seen.op == "scaled_dot_product_attention")
            flags.push_back(seen.arguments.size() > 5 && seen.arguments[5].isBool() && seen.arguments[5].toBool());
    }
    flags.resize(count);
    return flags;
}

} // namespace fxp::quant
