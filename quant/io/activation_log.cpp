#include "quant/io/activation_log.h"

#include "quant/io/json.h"

#include <cmath>
#include <map>

namespace fxp::quant {

namespace {

Json number(const Array& array, std::size_t index) {
    if (array.type == ElementType::Int64)
        return array.integers()[index];
    if (array.type == ElementType::Bool)
        return array.bytes[index] != std::byte{0};
    const float value = array.floats()[index];
    return std::isfinite(value) ? Json(value) : jsonNumber(value);
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

Json entryOf(const Session::LoggedTensor& tensor, bool withValues) {
    if (!tensor.present)
        return {{"shape", "N/A"},
                {"dtype", "N/A"},
                {"device", "N/A"},
                {"layer_type", tensor.layerType},
                {"value", nullptr}};
    std::size_t next = 0;
    return {{"shape", tensor.array.shape},
            {"dtype", typeName(tensor.array.type)},
            {"device", "cpu"},
            {"layer_type", tensor.layerType},
            {"value", withValues ? nested(tensor.array, 0, next) : Json("[Tensor data not stored]")}};
}

} // namespace

Json activationLog(const std::vector<Session::LoggedTensor>& tensors, bool withValues) {
    // A layer that runs again logs over what it logged; the key keeps its place.
    std::map<std::string_view, const Session::LoggedTensor*> last;
    for (const auto& tensor : tensors)
        last[tensor.key] = &tensor;
    JsonMembers log;
    for (const auto& first : tensors)
        log.add(first.key, entryOf(*last.at(first.key), withValues));
    return log.take();
}

} // namespace fxp::quant
