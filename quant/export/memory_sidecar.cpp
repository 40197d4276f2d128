#include "quant/core/version.h"
#include "quant/export/memory_files.h"
#include "quant/export/words.h"
#include "quant/io/json.h"

#include <algorithm>

namespace fxp::quant {

namespace {

const char* nameOf(Role role) {
    return role == Role::Weight ? "weight" : role == Role::Bias ? "bias" : "activation";
}

Json filesJson(const MemoryContent& content, const MemoryTensor& tensor, const std::string& folder) {
    Json files = Json::object();
    for (const MemoryKind kind : content.options.kinds) {
        if (kind != MemoryKind::CHeader)
            files[std::string(name(kind))] = folder + tensor.identifier + "." + std::string(name(kind));
    }
    return files;
}

Json tensorJson(const MemoryContent& content, const MemoryTensor& tensor, const std::string& folder) {
    const SlotInfo& slot = content.slots[tensor.slot];
    const QType& type = content.formats[tensor.slot];
    return {{"name", slot.path},
            {"identifier", tensor.identifier},
            {"layer", slot.layerPath},
            {"layer_type", slot.layerType},
            {"role", nameOf(slot.role)},
            {"shape", tensor.values.shape},
            {"order", "row_major"},
            {"count", tensor.values.count()},
            {"total_bits", *type.totalBits},
            {"fractional_bits", *type.fractionalBits},
            {"signed", isSigned(type)},
            {"rounding", std::string(name(type.rounding))},
            {"overflow", std::string(name(type.overflow))},
            {"files", filesJson(content, tensor, folder)}};
}

} // namespace

Json sidecar(const MemoryContent& content, const std::string& qconfigSha256) {
    Json json{{"format", "fxp-workbench/memory"},
              {"version", 1},
              {"program", "fxp-workbench " + std::string(programVersion())},
              {"model", {{"name", content.model.name}, {"sha256", content.model.sha256}}},
              {"qconfig", {{"file", kQConfigCopy}, {"sha256", qconfigSha256}}}};
    if (!content.model.folded.empty())
        json["model"]["folded"] = content.model.folded;
    Json tensors = Json::array(), vectors = Json::array(), refused = Json::array(), headers = Json::object();
    for (const MemoryTensor& tensor : content.parameters)
        tensors.push_back(tensorJson(content, tensor, ""));
    for (const MemoryTensor& tensor : content.golden) {
        Json vector = tensorJson(content, tensor, kGoldenFolder);
        vector["use"] = tensor.use;
        vector["sample_dimension"] = tensor.dimension >= 0 ? Json(tensor.dimension) : Json();
        vectors.push_back(std::move(vector));
    }
    for (const Refusal& refusal : content.refusals)
        refused.push_back({{"name", refusal.path}, {"target", refusal.target}, {"reason", refusal.reason}});
    const bool arrays = std::ranges::find(content.options.kinds, MemoryKind::CHeader) != content.options.kinds.end();
    if (arrays && !content.parameters.empty())
        headers["weights"] = kWeightsHeader;
    if (arrays && !content.golden.empty())
        headers["golden"] = kGoldenHeader;
    if (!content.options.types.empty())
        headers["types"] = kTypesHeader;
    json["headers"] = std::move(headers);
    json["tensors"] = std::move(tensors);
    if (!content.options.golden.empty())
        json["golden"] = {{"samples", content.options.golden}, {"tensors", std::move(vectors)}};
    json["refused"] = std::move(refused);
    json["notes"] = content.notes;
    return json;
}

} // namespace fxp::quant
