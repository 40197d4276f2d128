#include "quant/io/qconfig.h"

#include "quant/core/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <map>

namespace fxp::quant {

using Json = nlohmann::ordered_json;

namespace {

constexpr auto kFormatName = "fxp-workbench/qconfig";
constexpr int kVersion = 1;

std::string pointer(const std::string& where, const std::string& key) {
    std::string escaped;
    for (const char c : key)
        escaped += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return where + "/" + escaped;
}

std::map<std::string, std::size_t> byPath(const std::vector<SlotInfo>& slots) {
    std::map<std::string, std::size_t> index;
    for (std::size_t i = 0; i < slots.size(); ++i)
        index.emplace(slots[i].path, i);
    return index;
}

const Json& member(const Json& json, const std::string& key, const std::string& where) {
    if (!json.is_object())
        throw Error(where, std::string("is ") + json.type_name() + ", not an object", "see the QConfig schema");
    const auto found = json.find(key);
    if (found == json.end())
        throw Error(where, "the key \"" + key + "\" is missing", "add it");
    return *found;
}

void refuseOtherKeys(const Json& json, const std::vector<std::string>& known, const std::string& where) {
    for (const auto& [key, value] : json.items()) {
        if (std::ranges::find(known, key) == known.end())
            throw Error(pointer(where, key), "the key is unknown", "remove it, or correct its spelling");
    }
}

std::optional<int> bits(const Json& json, const std::string& where) {
    if (json.is_null())
        return std::nullopt;
    if (!json.is_number_integer())
        throw Error(where, "is " + json.dump() + ", not an integer or null", "give whole bits");
    const auto value = json.get<std::int64_t>();
    if (value < -100'000 || value > 100'000)
        throw Error(where, "is " + json.dump() + ", out of range", "give whole bits");
    return static_cast<int>(value);
}

/// Visits every slot, and whether it, or a layer that it is nested in, is no member of FxPyTorch's class.
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

std::set<std::string> foldedOf(const Json& model) {
    std::set<std::string> folded;
    const Json list = model.value("folded", Json::array());
    const bool areStrings =
        list.is_array() && std::ranges::all_of(list, [](const Json& item) { return item.is_string(); });
    if (!areStrings)
        throw Error("/model/folded", "is not a list of batch norms' paths", "see the QConfig schema");
    for (const Json& item : list)
        folded.insert(item.get<std::string>());
    return folded;
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

void readLayer(const Json& json, const LayerSpec& layer, const std::string& path, const std::string& where,
               const std::map<std::string, std::size_t>& index, Formats& formats) {
    const Json& type = member(json, "layer_type", where);
    if (type != layer.type)
        throw Error(pointer(where, "layer_type"),
                    "is " + type.dump() + ", and the model's layer is \"" + layer.type + "\"",
                    "use the QConfig of this model");
    std::vector<std::string> known{"layer_type", "name"};
    for (const LayerSpec& item : layer.members) {
        if (!item.extension)
            known.push_back(item.name);
    }
    refuseOtherKeys(json, known, where);
    if (const auto name = json.find("name"); name != json.end() && !name->is_null() && !name->is_string())
        throw Error(pointer(where, "name"), "is not a string or null", "see the QConfig schema");
    for (const LayerSpec& item : layer.members) {
        if (item.extension)
            continue;
        const std::string itemPath = joinPath(path, item.name), itemWhere = pointer(where, item.name);
        const Json& value = member(json, item.name, where);
        if (item.isSlot())
            formats[index.at(itemPath)] = formatFromJson(value, itemWhere);
        else
            readLayer(value, item, itemPath, itemWhere, index, formats);
    }
}

} // namespace

namespace {

/// FxPyTorch's own files: one layer's config, or a module's, with those of its layers under their names. Returns how
/// many layers were read.
int readForeign(const Json& json, const std::vector<LayerSpec>& layers, const std::string& path,
                const std::string& where, const std::map<std::string, std::size_t>& index, Formats& formats) {
    if (!json.is_object())
        return 0;
    const Json type = json.value("layer_type", Json());
    auto layer = std::ranges::find(layers, path, &LayerSpec::name);
    if (layer == layers.end() && path.empty()) { // one config alone is that of the one layer of its type
        const auto isOfType = [&](const LayerSpec& spec) { return type == spec.type; };
        if (std::ranges::count_if(layers, isOfType) == 1)
            layer = std::ranges::find_if(layers, isOfType);
    }
    if (layer != layers.end() && !type.is_null()) {
        readLayer(json, *layer, layer->name, where, index, formats);
        return 1;
    }
    int count = 0;
    for (const auto& [key, value] : json.items())
        count += readForeign(value, layers, joinPath(path, key), pointer(where, key), index, formats);
    return count;
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

Json toJson(const QType& type) {
    Json json;
    json["total_bits"] = type.totalBits ? Json(*type.totalBits) : Json();
    json["fractional_bits"] = type.fractionalBits ? Json(*type.fractionalBits) : Json();
    const auto number = fxpytorchMethod(type);
    json["q_method"] = number ? Json(*number) : Json(methodName(type));
    return json;
}

namespace {

/// A format as an extension has it: with a real-valued scale where it has one.
Json extensionJson(const QType& type) {
    Json json = toJson(type);
    if (type.affine) {
        json["scale"] = type.affine->scale;
        json["zero_point"] = type.affine->zeroPoint;
        json["axis"] = type.affine->perChannel() ? Json(type.affine->axis) : Json();
    }
    return json;
}

template <class Value> std::vector<Value> numbers(const Json& json, const std::string& where) {
    if (!json.is_array() || json.empty())
        throw Error(where, "is not a list of numbers", "see the QConfig schema");
    std::vector<Value> values;
    for (const Json& item : json) {
        if (!item.is_number() || (std::is_integral_v<Value> && !item.is_number_integer()))
            throw Error(where, "has " + item.dump() + " in it", "see the QConfig schema");
        values.push_back(item.get<Value>());
    }
    return values;
}

QType extensionFromJson(const Json& json, const std::string& where) {
    if (!json.is_object() || !json.contains("scale"))
        return formatFromJson(json, where);
    Json plain = json;
    Affine affine;
    affine.scale = numbers<double>(json["scale"], pointer(where, "scale"));
    affine.zeroPoint = numbers<std::int64_t>(member(json, "zero_point", where), pointer(where, "zero_point"));
    const Json& axis = member(json, "axis", where);
    if (!axis.is_null() && !(axis.is_number_integer() && axis >= 0 && axis < 64))
        throw Error(pointer(where, "axis"), "is " + axis.dump() + ", not a dimension or null",
                    "see the QConfig schema");
    affine.axis = axis.is_null() ? -1 : axis.get<int>();
    for (const char* key : {"scale", "zero_point", "axis"})
        plain.erase(key);
    QType type = formatFromJson(plain, where);
    type.affine = std::move(affine);
    validate(type, where);
    return type;
}

} // namespace

QType formatFromJson(const Json& json, const std::string& where) {
    QType type;
    type.totalBits = bits(member(json, "total_bits", where), pointer(where, "total_bits"));
    type.fractionalBits = bits(member(json, "fractional_bits", where), pointer(where, "fractional_bits"));
    refuseOtherKeys(json, {"total_bits", "fractional_bits", "q_method"}, where);
    const std::string methodWhere = pointer(where, "q_method");
    const Json& method = member(json, "q_method", where);
    const bool one = method.is_number_integer() && method == 1, two = method.is_number_integer() && method == 2;
    if (one || two)
        type.rounding = one ? Rounding::Trunc : Rounding::Round;
    else if (!method.is_string() || !parseMethod(method.get<std::string>(), type))
        throw Error(methodWhere, "the method " + method.dump() + " is unknown",
                    "use 1, 2 or a name such as \"FLOOR_WRAP\"");
    if (type.totalBits && (*type.totalBits < kMinTotalBits || *type.totalBits > kMaxTotalBits))
        throw Error(pointer(where, "total_bits"), "is " + std::to_string(*type.totalBits), "use 2 to 64, or null");
    validate(type, pointer(where, "fractional_bits"));
    return type;
}

Json layerToJson(const LayerSpec& layer, const std::vector<SlotInfo>& slots, const Formats& formats) {
    return layerJson(layer, layer.name, byPath(slots), formats);
}

std::set<std::string> foldedBatchNorms(const std::string& text) {
    const Json json = Json::parse(text, nullptr, false);
    const bool isOurs = json.is_object() && json.value("format", Json()) == kFormatName && json.contains("model");
    return isOurs && json["model"].is_object() ? foldedOf(json["model"]) : std::set<std::string>();
}

void layerFromJson(const Json& json, const LayerSpec& layer, const std::vector<SlotInfo>& slots,
                   const std::string& where, Formats& formats) {
    readLayer(json, layer, layer.name, where, byPath(slots), formats);
}

std::string writeQConfig(const ModelIdentity& model, const std::vector<LayerSpec>& layers,
                         const std::vector<SlotInfo>& slots, const Formats& formats) {
    const auto index = byPath(slots);
    Json json{{"format", kFormatName},
              {"version", kVersion},
              {"model", {{"name", model.name}, {"sha256", model.sha256}}},
              {"layers", Json::object()}};
    if (!model.folded.empty())
        json["model"]["folded"] = model.folded;
    Json extensions = Json::object();
    for (const LayerSpec& layer : layers) {
        const bool known = isFxPyTorchLayer(layer.type);
        if (known)
            json["layers"][layer.name] = layerJson(layer, layer.name, index, formats);
        walkSlots(layer, layer.name, !known, [&](const std::string& path, bool extension) {
            const std::size_t slot = index.at(path);
            if ((extension && !(slots[slot].optional && formats[slot].isFloat())) || formats[slot].affine)
                extensions[path] = extensionJson(formats[slot]);
        });
    }
    if (!extensions.empty())
        json["extensions"] = extensions;
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

QConfigFile readQConfig(const std::string& text, const std::vector<LayerSpec>& layers,
                        const std::vector<SlotInfo>& slots) {
    Json json;
    try {
        json = Json::parse(text);
    } catch (const Json::parse_error& error) {
        throw Error("byte " + std::to_string(error.byte), "the text is not JSON", "give a QConfig file");
    }
    if (json.is_object() && !json.contains("format")) {
        QConfigFile file;
        file.isForeign = true;
        file.formats.resize(slots.size());
        if (readForeign(json, layers, "", "", byPath(slots), file.formats) > 0)
            return file;
    }
    if (!json.is_object() || json.value("format", Json()) != kFormatName)
        throw Error("/format", "the file is no QConfig of this program",
                    "give a file with \"format\": \"" + std::string(kFormatName) + "\"");
    if (json.value("version", Json()) != kVersion)
        throw Error("/version", "is " + json.value("version", Json()).dump() + ", and 1 is known",
                    "use a newer program");
    refuseOtherKeys(json, {"format", "version", "model", "layers", "extensions"}, "");

    QConfigFile file;
    const Json& model = member(json, "model", "");
    refuseOtherKeys(model, {"name", "sha256", "folded"}, "/model");
    for (const auto& [key, target] : {std::pair{"name", &file.model.name}, {"sha256", &file.model.sha256}}) {
        const Json& value = member(model, key, "/model");
        if (!value.is_string())
            throw Error(pointer("/model", key), "is not a string", "see the QConfig schema");
        *target = value.get<std::string>();
    }
    file.model.folded = foldedOf(model);
    const auto index = byPath(slots);
    file.formats.resize(slots.size());
    const Json& given = member(json, "layers", "");
    if (!given.is_object())
        throw Error("/layers", "is not an object", "see the QConfig schema");
    for (const auto& [path, config] : given.items()) {
        const auto layer = std::ranges::find(layers, path, &LayerSpec::name);
        if (layer == layers.end())
            throw Error(path, "the model has no layer of that path", "use the QConfig of this model");
        readLayer(config, *layer, path, pointer("/layers", path), index, file.formats);
    }
    const Json extensions = json.value("extensions", Json::object());
    if (!extensions.is_object())
        throw Error("/extensions", "is not an object", "see the QConfig schema");
    for (const auto& [path, format] : extensions.items()) {
        const auto slot = index.find(path);
        if (slot == index.end())
            throw Error(path, "the model has no tensor of that path", "use the QConfig of this model");
        file.formats[slot->second] = extensionFromJson(format, pointer("/extensions", path));
    }
    return file;
}

} // namespace fxp::quant
