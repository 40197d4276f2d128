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

/// A batch norm of the program, the layer before it, and the reason why it cannot be folded into that layer; empty: it
/// can.
struct NormStep {
    std::string path, layer, problem;
};

/// aten::batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled)
std::string problemOf(const Step& step) {
    if (step.arguments.size() < 9 || !step.arguments[3].value.isHole() || !step.arguments[4].value.isHole())
        return "has no running statistics";
    const auto* training = std::get_if<bool>(&step.arguments[5].value.value);
    return training && *training ? "computes with the statistics of the batch" : std::string();
}

std::vector<NormStep> normSteps(const Program& program) {
    std::map<ValueId, int> readers;
    std::map<ValueId, const SlotInfo*> activations; ///< quantized results of layers
    std::map<std::string, int> uses;          ///< of a slot; more than one where its layer is called several times
    std::map<std::string, const Step*> norms; ///< by path
    for (const Step& step : program.steps) {
        for (const ValueId input : step.inputs)
            ++readers[input];
        for (const Site& site : step.sites) {
            const SlotInfo& slot = program.slots[static_cast<std::size_t>(site.slot)];
            ++uses[slot.path];
            if (slot.name == "activation" && hasChannelsAlong(slot.layerType, slot.shape.size()))
                activations[site.after] = &slot;
        }
        if (step.op == "aten::batch_norm")
            norms[step.layer] = &step;
    }
    for (const ValueId output : program.outputs)
        ++readers[output];

    std::vector<NormStep> found;
    for (const Step& step : program.steps) {
        if (!step.isQuantize())
            continue;
        const SlotInfo& slot = program.slots[static_cast<std::size_t>(step.sites[0].slot)];
        const auto norm = norms.find(slot.layerPath);
        if (slot.layerType != "batch_norm" || slot.name != "input" || norm == norms.end())
            continue;
        const ValueId input = step.sites[0].before;
        const auto source = activations.find(input);
        NormStep one{slot.layerPath, {}, problemOf(*norm->second)};
        if (source == activations.end())
            one.problem = "has no linear or convolution layer before it";
        else if (readers[input] != 1)
            one.problem = "is not alone in reading the layer before it";
        else if (uses[slot.path] != 1 || uses[source->second->path] != 1)
            one.problem = "is called more than once, or the layer before it is";
        else
            one.layer = source->second->layerPath;
        found.push_back(std::move(one));
    }
    return found;
}

} // namespace

std::vector<BatchNormFold> foldableBatchNorms(const Program& program) {
    std::vector<BatchNormFold> folds;
    for (const NormStep& norm : normSteps(program)) {
        if (norm.problem.empty())
            folds.push_back({norm.path, norm.layer});
    }
    return folds;
}

std::vector<std::pair<std::string, std::string>> unfoldableBatchNorms(const Program& program) {
    std::vector<std::pair<std::string, std::string>> others;
    for (const NormStep& norm : normSteps(program)) {
        if (!norm.problem.empty())
            others.emplace_back(norm.path, norm.problem);
    }
    return others;
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
