#include "quant/import/onnx/module_classes.h"
#include "quant/import/onnx/proto.h"

#include <ATen/core/Tensor.h>

#include <algorithm>

namespace fxp::quant::onnx_import {

namespace {

/// Nodes that compute no values of their own, only shapes, places and types.
bool movesOnly(const std::string& type) {
    static const std::set<std::string> kTypes{
        "Constant",  "Shape", "Gather",   "Concat",          "Reshape", "Transpose", "Cast", "Squeeze",
        "Unsqueeze", "Slice", "Identity", "ConstantOfShape", "Expand",  "Mod",       "Size", "Flatten",
        "Pad",       "Range", "If",       "Split",           "Dropout", "CastLike"};
    return kTypes.contains(type);
}

struct Inside {
    std::vector<std::string> types; ///< of the nodes that compute
    bool hasChildren = false;
};

/// A linear layer without bias has one node, with one two; recurrent layers as many as they are deep.
bool isOneLayer(const std::vector<std::string>& types) {
    if (types.size() == 1)
        return true;
    if (types.size() == 2 && types[0] == "MatMul" && types[1] == "Add")
        return true;
    return !types.empty() && std::ranges::all_of(types, [&](const std::string& type) {
        return type == types[0] && (type == "LSTM" || type == "GRU" || type == "RNN");
    });
}

std::string guessOfLeaf(const std::vector<std::string>& types) {
    const auto has = [&types](const char* type) { return std::ranges::find(types, type) != types.end(); };
    if (has("Erf") && has("Mul") && types.size() <= 6)
        return "torch.nn.activation.GELU";
    if (has("Sqrt") && has("ReduceMean") && types.size() <= 10)
        return "torch.nn.normalization.LayerNorm";
    if (types.size() == 1 && types[0] == "Gemm")
        return "torch.nn.linear.Linear";
    if (!types.empty() && types[0] == "MatMul" && isOneLayer(types))
        return "torch.nn.linear.Linear";
    return {};
}

} // namespace

ModuleClasses moduleClasses(const std::vector<ScopedNode>& nodes, const NamedTensors& parameters) {
    ModuleClasses found;
    found.modules.push_back({"", "", 0, {}});
    std::set<std::string> known{""};
    std::map<std::string, Inside> inside;
    for (const ScopedNode& one : nodes) {
        const auto& parents = one.scope->parents;
        for (std::size_t i = 0; i < parents.size(); ++i) {
            if (i < one.scope->classes.size())
                found.classes.try_emplace(parents[i], one.scope->classes[i]);
            if (known.insert(parents[i]).second)
                found.modules.push_back({parents[i], "", 0, {}});
            if (i + 1 < parents.size())
                inside[parents[i]].hasChildren = true;
        }
        if (!movesOnly(one.node->op_type()))
            inside[one.scope->path].types.push_back(one.node->op_type());
    }
    std::set<std::string> names;
    for (const auto& [name, tensor] : parameters)
        names.insert(name);
    for (ModuleInfo& info : found.modules) {
        const Inside& own = inside[info.path];
        std::string& name = found.classes[info.path];
        const auto hasModule = [&](const char* child) { return known.contains(info.path + "." + child); };
        if (name.empty() && !info.path.empty()) {
            if (hasModule("self_attn") && hasModule("linear1") && hasModule("linear2") && hasModule("norm1") &&
                hasModule("norm2"))
                name = hasModule("multihead_attn") ? "torch.nn.transformer.TransformerDecoderLayer"
                                                   : "torch.nn.transformer.TransformerEncoderLayer";
            else if (names.contains(info.path + ".in_proj_bias") || names.contains(info.path + ".in_proj_weight") ||
                     names.contains(info.path + ".out_proj.bias"))
                name = "torch.nn.activation.MultiheadAttention";
            else if (!own.hasChildren)
                name = guessOfLeaf(own.types);
        }
        const bool isTorchs = name.empty() || name.starts_with("torch.nn.");
        if (!info.path.empty() && !own.hasChildren && isTorchs && isOneLayer(own.types))
            found.leaves.insert(info.path);
        info.className = name;
    }
    return found;
}

} // namespace fxp::quant::onnx_import
