#include "quant/ops/operator_names.h"

#include <ATen/core/Tensor.h>

#include <unordered_set>

namespace fxp::quant {

namespace {

bool isNumber(const at::IValue& value, int number) {
    return (value.isInt() && value.toInt() == number) || (value.isDouble() && value.toDouble() == number);
}

} // namespace

std::string operatorName(const std::string& qualifiedName, const std::vector<at::IValue>& arguments) {
    std::string name = qualifiedName.substr(qualifiedName.find("::") + 2);
    if (name.size() > 1 && name.back() == '_' && name[name.size() - 2] != '_')
        name.pop_back();
    if (name == "_convolution_mode" && arguments.size() > 1 && arguments[1].isTensor())
        return "conv" + std::to_string(arguments[1].toTensor().dim() - 2) + "d";
    if ((name == "_convolution" || name == "convolution") && arguments.size() > 6 && arguments[1].isTensor()) {
        const bool transposed = arguments[6].isBool() && arguments[6].toBool();
        const std::string spatial = std::to_string(arguments[1].toTensor().dim() - 2);
        return std::string(transposed ? "conv_transpose" : "conv") + spatial + "d";
    }
    if (name == "hardtanh" && arguments.size() > 2 && isNumber(arguments[1], 0) && isNumber(arguments[2], 6))
        return "relu6";
    if (name == "_softmax" || name == "_log_softmax")
        return name.substr(1);
    return name;
}

bool movesValues(const std::string& name) {
    static const std::unordered_set<std::string> kNames{"view",
                                                        "reshape",
                                                        "_unsafe_view",
                                                        "view_as",
                                                        "reshape_as",
                                                        "_reshape_alias",
                                                        "permute",
                                                        "transpose",
                                                        "swapaxes",
                                                        "swapdims",
                                                        "movedim",
                                                        "moveaxis",
                                                        "t",
                                                        "numpy_T",
                                                        "mT",
                                                        "adjoint",
                                                        "flatten",
                                                        "unflatten",
                                                        "squeeze",
                                                        "unsqueeze",
                                                        "expand",
                                                        "expand_as",
                                                        "broadcast_to",
                                                        "contiguous",
                                                        "clone",
                                                        "detach",
                                                        "alias",
                                                        "to",
                                                        "type_as",
                                                        "_to_copy",
                                                        "cpu",
                                                        "float",
                                                        "select",
                                                        "slice",
                                                        "narrow",
                                                        "chunk",
                                                        "split",
                                                        "split_with_sizes",
                                                        "tensor_split",
                                                        "hsplit",
                                                        "vsplit",
                                                        "unbind",
                                                        "repeat",
                                                        "repeat_interleave",
                                                        "tile",
                                                        "flip",
                                                        "roll",
                                                        "rot90",
                                                        "index",
                                                        "index_select",
                                                        "gather",
                                                        "take_along_dim",
                                                        "as_strided",
                                                        "diagonal",
                                                        "unfold",
                                                        "pad",
                                                        "constant_pad_nd",
                                                        "reflection_pad1d",
                                                        "reflection_pad2d",
                                                        "reflection_pad3d",
                                                        "replication_pad1d",
                                                        "replication_pad2d",
                                                        "replication_pad3d",
                                                        "dropout",
                                                        "feature_dropout",
                                                        "alpha_dropout",
                                                        "feature_alpha_dropout",
                                                        "native_dropout",
                                                        "pixel_shuffle",
                                                        "pixel_unshuffle",
                                                        "channel_shuffle",
                                                        "lift_fresh",
                                                        "copy",
                                                        "identity",
                                                        "requires_grad",
                                                        "broadcast_tensors",
                                                        "meshgrid",
                                                        "view_copy",
                                                        "select_copy",
                                                        "slice_copy",
                                                        "masked_fill",
                                                        "zero",
                                                        "fill"};
    return kNames.contains(name);
}

bool dependsOnShapeAlone(const std::string& name) {
    static const std::unordered_set<std::string> kNames{"zeros_like", "ones_like",  "empty_like",      "full_like",
                                                        "new_zeros",  "new_ones",   "new_empty",       "new_full",
                                                        "rand_like",  "randn_like", "_shape_as_tensor"};
    return kNames.contains(name);
}

bool readsValues(const std::string& name, const std::vector<at::IValue>& arguments) {
    if (name == "index" && arguments.size() > 1 && arguments[1].isList()) {
        for (const at::IValue& index : arguments[1].toListRef()) {
            if (index.isTensor() && index.toTensor().defined() &&
                (index.toTensor().scalar_type() == at::kBool || index.toTensor().scalar_type() == at::kByte))
                return true;
        }
        return false;
    }
    if (name == "where")
        return arguments.size() == 1;
    if (name == "repeat_interleave") // (repeats), or (values, repeats) with a tensor of repeats
        return arguments.size() < 3 || (arguments[1].isTensor() && arguments[1].toTensor().defined());
    static const std::unordered_set<std::string> kNames{"item",           "Int",
                                                        "Float",          "Bool",
                                                        "IntImplicit",    "FloatImplicit",
                                                        "ScalarImplicit", "_local_scalar_dense",
                                                        "is_nonzero",     "equal",
                                                        "allclose",       "tolist",
                                                        "nonzero",        "masked_select",
                                                        "unique",         "_unique2",
                                                        "unique_dim",     "unique_consecutive",
                                                        "nonzero_numpy",  "argwhere",
                                                        "bincount"};
    return kNames.contains(name);
}

} // namespace fxp::quant
