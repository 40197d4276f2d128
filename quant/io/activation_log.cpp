#include "quant/io/activation_log.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace fxp::quant {

using Json = nlohmann::ordered_json;

namespace {

Json number(const Array& array, std::size_t index) {
    if (array.type == ElementType::Int64)
        return array.integers()[index];
    if (array.type == ElementType::Bool)
        return array.bytes[index] != std::byte{0};
    const float value = array.floats()[index];
    if (std::isnan(value))
        return "NaN";
    if (std::isinf(value))
        return value > 0 ? "Infinity" : "-Infinity";
    return value;
}

Json nested(const Array& array, std::size_t dim, std::size_t& next) {
    if (dim == array.shape.size())
        return number(array, next++);
    Json list = Json::array();
    for (std::int64_t i = 0; i < array.shape[dim]; ++i)
        list.push_back(nested(array, dim + 1, next));
    return list;
}

const char* typeName(ElementType type) {
    switch (type) {
    case ElementType::Float32: return "torch.float32";
    case ElementType::Int64: return "torch.int64";
    case ElementType::Bool: return "torch.bool";
    }
    return "";
}

} // namespace

Json activationLog(const std::vector<Session::LoggedTensor>& tensors, bool withValues) {
    Json log = Json::object();
    for (const auto& tensor : tensors) {
        Json& entry = log[tensor.key];
        if (!tensor.present) {
            entry = {{"shape", "N/A"},
                     {"dtype", "N/A"},
                     {"device", "N/A"},
                     {"layer_type", tensor.layerType},
                     {"value", nullptr}};
            continue;
        }
        std::size_t next = 0;
        entry = {{"shape", tensor.array.shape},
                 {"dtype", typeName(tensor.array.type)},
                 {"device", "cpu"},
                 {"layer_type", tensor.layerType}};
        entry["value"] = withValues ? nested(tensor.array, 0, next) : Json("[Tensor data not stored]");
    }
    return log;
}

} // namespace fxp::quant
