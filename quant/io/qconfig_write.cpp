#include "quant/core/error.h"
#include "quant/io/format_json.h"
#include "quant/io/qconfig.h"
#include "quant/io/qconfig_parts.h"

#include <algorithm>
#include <array>
#include <functional>

namespace fxp::quant {

namespace {

/// Visits every slot. Tells the visitor whether the slot, or a layer that it is nested in, is not a member of
/// FxPyTorch's class.
void walkSlots(const LayerSpec& layer, const std::string& path, bool extension,
               const std::function<void(const std::string&, bool)>& visit) {
    for (const LayerSpec& item : layer.members) {
        const std::string itemPath = joinPath(path, item.name);
        if (item.isSlot())
            visit(itemPath, extension || item.extension);
        else
            walkSlots(item, itemPath, extension || item.extension, visit);
    }
}

Json layerJson(const LayerSpec& layer, const std::string& path, const std::map<std::string, std::size_t>& index,
               const Formats& formats) {
    Json json{{"layer_type", layer.type}, {"name", nullptr}};
    for (const LayerSpec& item : layer.members) {
        if (item.extension)
            continue;
        const std::string itemPath = joinPath(path, item.name);
        json[item.name] =
            item.isSlot() ? toJson(formats[index.at(itemPath)]) : layerJson(item, itemPath, index, formats);
    }
    return json;
}

} // namespace

bool isFxPyTorchLayer(const std::string& type) {
    static constexpr std::array kTypes{"linear",
                                       "conv2d",
                                       "layer_norm",
                                       "softmax",
                                       "dropout",
                                       "sigmoid",
                                       "tanh",
                                       "multihead_attention",
                                       "transformer_encoder_layer",
                                       "lstm"};
    return std::ranges::find(kTypes, type) != kTypes.end();
}

Json layerToJson(const LayerSpec& layer, const std::vector<SlotInfo>& slots, const Formats& formats) {
    return layerJson(layer, layer.name, byPath(slots), formats);
}

std::string writeQConfig(const ModelIdentity& model, const std::vector<LayerSpec>& layers,
                         const std::vector<SlotInfo>& slots, const Formats& formats) {
    const auto index = byPath(slots);
    Json json{{"format", kQConfigFormat},
              {"version", kQConfigVersion},
              {"model", {{"name", model.name}, {"sha256", model.sha256}}}};
    if (!model.folded.empty())
        json["model"]["folded"] = model.folded;
    JsonMembers known, extensions;
    for (const LayerSpec& layer : layers) {
        const bool isKnown = isFxPyTorchLayer(layer.type);
        if (isKnown)
            known.add(layer.name, layerJson(layer, layer.name, index, formats));
        walkSlots(layer, layer.name, !isKnown, [&](const std::string& path, bool extension) {
            const std::size_t slot = index.at(path);
            if ((extension && !(slots[slot].optional && formats[slot].isFloat())) || formats[slot].affine)
                extensions.add(path, extensionJson(formats[slot]));
        });
    }
    json["layers"] = known.take();
    if (Json others = extensions.take(); !others.empty())
        json["extensions"] = std::move(others);
    return json.dump(2) + "\n";
}

std::string writeForFxPyTorch(const ModelIdentity& model, const std::vector<LayerSpec>& layers,
                              const std::vector<SlotInfo>& slots, const Formats& formats) {
    const auto index = byPath(slots);
    std::string unknown;
    for (const LayerSpec& layer : layers) {
        if (!isFxPyTorchLayer(layer.type))
            continue;
        walkSlots(layer, layer.name, false, [&](const std::string& path, bool extension) {
            const QType& type = formats[index.at(path)];
            const bool lacks = type.affine || (!type.isFloat() && !fxpytorchMethod(type));
            if (lacks && !extension && !slots[index.at(path)].absent)
                unknown += (unknown.empty() ? "" : ", ") + path + " (" +
                           (type.affine ? std::string("real-valued scale") : methodName(type)) + ")";
        });
    }
    if (!unknown.empty())
        throw Error(unknown, "FxPyTorch has no such method",
                    "give these tensors TRUNC_SATURATE or ROUND_SATURATE and a binary point");
    return writeQConfig(model, layers, slots, formats);
}

} // namespace fxp::quant
