#include "quant/graph/batch_norm_fold.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

namespace fxp::quant {

namespace {

bool hasChannelsAlong(const std::string& type, std::size_t dimensions) {
    if (type == "linear")
        return dimensions == 2;
    return type.starts_with("conv") && type.size() > 2 &&
           dimensions == static_cast<std::size_t>(type[type.size() - 2] - '0') + 2;
}

} // namespace

std::vector<BatchNormFold> foldableBatchNorms(const Program& program) {
    std::map<ValueId, int> readers;
    std::map<ValueId, const SlotInfo*> activations; ///< quantized results of layers
    for (const Node& node : program.nodes) {
        for (const ValueId input : node.inputs)
            ++readers[input];
        if (!node.isQuantize())
            continue;
        const SlotInfo& slot = program.slots[static_cast<std::size_t>(node.sites[0].slot)];
        if (slot.name == "activation" && hasChannelsAlong(slot.layerType, slot.shape.size()))
            activations[node.outputs[0]] = &slot;
    }
    for (const ValueId output : program.outputs)
        ++readers[output];

    std::vector<BatchNormFold> folds;
    std::map<std::string, int> uses; ///< of a layer that is called more than once
    for (const Node& node : program.nodes) {
        if (node.isQuantize())
            ++uses[program.slots[static_cast<std::size_t>(node.sites[0].slot)].path];
    }
    for (const Node& node : program.nodes) {
        if (!node.isQuantize())
            continue;
        const SlotInfo& slot = program.slots[static_cast<std::size_t>(node.sites[0].slot)];
        const auto source = activations.find(node.inputs[0]);
        if (slot.layerType == "batch_norm" && slot.name == "input" && source != activations.end() &&
            readers[node.inputs[0]] == 1 && uses[slot.path] == 1 && uses[source->second->path] == 1)
            folds.push_back({slot.layerPath, source->second->layerPath});
    }
    return folds;
}

FoldedParameters fold(const at::Tensor& weight, const at::Tensor& bias, const BatchNormParameters& norm,
                      std::int64_t inputGroups) {
    const at::Tensor mean = norm.mean.to(at::kDouble);
    at::Tensor scale = (norm.variance.to(at::kDouble) + norm.eps).rsqrt();
    if (norm.weight.defined())
        scale = scale * norm.weight.to(at::kDouble);
    at::Tensor shift = bias.defined() ? bias.to(at::kDouble) - mean : -mean;
    shift = shift * scale;
    if (norm.bias.defined())
        shift = shift + norm.bias.to(at::kDouble);

    const at::Tensor w = weight.to(at::kDouble);
    at::Tensor scaled;
    if (inputGroups > 0) {
        const at::Tensor grouped = w.reshape({inputGroups, w.size(0) / inputGroups, w.size(1), -1});
        scaled = (grouped * scale.reshape({inputGroups, 1, w.size(1), 1})).reshape(w.sizes());
    } else {
        scaled = (w.reshape({w.size(0), -1}) * scale.unsqueeze(1)).reshape(w.sizes());
    }
    return {scaled.to(at::kFloat), shift.to(at::kFloat)};
}

} // namespace fxp::quant
