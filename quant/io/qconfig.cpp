#include "quant/io/qconfig.h"

#include "quant/core/error.h"
#include "quant/io/format_json.h"
#include "quant/io/qconfig_parts.h"

#include <algorithm>
#include <array>
#include <map>

namespace fxp::quant {

namespace {

constexpr auto kSeeSchema = "see the QConfig schema";
constexpr auto kOtherModel = "use the QConfig of this model";

/// A model's layers and slots by their paths.
class Model {
  public:
    Model(const std::vector<LayerSpec>& layers, const std::vector<SlotInfo>& slots)
        : m_layers(layers), m_slots(byPath(slots)) {
        for (const LayerSpec& layer : layers)
            m_byName.emplace(layer.name, &layer);
    }

    /// Null when there is none of that path.
    const LayerSpec* layer(const std::string& path) const {
        const auto found = m_byName.find(path);
        return found == m_byName.end() ? nullptr : found->second;
    }
    /// The one layer of a type; null when there are none or several.
    const LayerSpec* onlyLayerOf(const Json& type) const {
        const auto isOfType = [&](const LayerSpec& spec) { return type == spec.type; };
        const auto found = std::ranges::find_if(m_layers, isOfType);
        return found != m_layers.end() && std::find_if(found + 1, m_layers.end(), isOfType) == m_layers.end() ? &*found
                                                                                                              : nullptr;
    }
    const std::map<std::string, std::size_t>& slots() const { return m_slots; }

  private:
    const std::vector<LayerSpec>& m_layers;
    std::map<std::string, const LayerSpec*> m_byName;
    std::map<std::string, std::size_t> m_slots;
};

void readLayer(const Json& json, const LayerSpec& layer, const std::string& path, const std::string& where,
               const std::map<std::string, std::size_t>& index, Formats& formats) {
    const Json& type = member(json, "layer_type", where);
    if (type != layer.type)
        throw Error(pointer(where, "layer_type"),
                    "is " + type.dump().substr(0, 40) + ", and the model's layer is \"" + layer.type + "\"",
                    kOtherModel);
    std::vector<std::string_view> known{"layer_type", "name"};
    for (const LayerSpec& item : layer.members) {
        if (!item.extension)
            known.push_back(item.name);
    }
    refuseOtherKeys(json, known, where);
    if (const auto name = json.find("name"); name != json.end() && !name->is_null() && !name->is_string())
        throw Error(pointer(where, "name"), "is not a string or null", kSeeSchema);
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

/// FxPyTorch's own files: one layer's config, or a module's, with those of its layers under their names. Returns how
/// many layers were read.
int readForeign(const Json& json, const Model& model, const std::string& path, const std::string& where,
                Formats& formats) {
    if (!json.is_object())
        return 0;
    const auto type = json.find("layer_type");
    if (type != json.end() && !type->is_null()) {
        const LayerSpec* layer = model.layer(path);
        if (!layer && path.empty()) // a file with one config belongs to the only layer of its type
            layer = model.onlyLayerOf(*type);
        if (layer) {
            readLayer(json, *layer, layer->name, where, model.slots(), formats);
            return 1;
        }
    }
    int count = 0;
    for (const auto& [key, value] : json.items())
        count += readForeign(value, model, joinPath(path, key), pointer(where, key), formats);
    return count;
}

std::set<std::string> foldedOf(const Json& model) {
    std::set<std::string> folded;
    const auto list = model.find("folded");
    if (list == model.end())
        return folded;
    const bool areStrings =
        list->is_array() && std::ranges::all_of(*list, [](const Json& item) { return item.is_string(); });
    if (!areStrings)
        throw Error("/model/folded", "is not a list of batch norms' paths", kSeeSchema);
    for (const Json& item : *list)
        folded.insert(item.get<std::string>());
    return folded;
}

/// The model that the file names for its formats. A file written by hand need not name one.
ModelIdentity identityOf(const Json& json) {
    static constexpr std::array<std::string_view, 3> kKeys{"name", "sha256", "folded"};
    ModelIdentity identity;
    const auto model = json.find("model");
    if (model == json.end() || model->is_null())
        return identity;
    if (!model->is_object())
        throw Error("/model", "is not an object", kSeeSchema);
    refuseOtherKeys(*model, kKeys, "/model");
    for (const auto& [key, target] : {std::pair{"name", &identity.name}, {"sha256", &identity.sha256}}) {
        const auto value = model->find(key);
        if (value == model->end() || value->is_null())
            continue;
        if (!value->is_string())
            throw Error(pointer("/model", key), "is not a string or null", kSeeSchema);
        *target = value->get<std::string>();
    }
    identity.folded = foldedOf(*model);
    return identity;
}

bool isOurs(const Json& json) {
    const auto format = json.is_object() ? json.find("format") : json.end();
    return json.is_object() && format != json.end() && *format == kQConfigFormat;
}

} // namespace

bool QConfigFile::isForOther(const ModelIdentity& open) const {
    return !isForeign && !model.sha256.empty() && model.sha256 != open.sha256;
}

std::set<std::string> foldedBatchNorms(const std::string& text) {
    const Json json = parseJson(text, "");
    return isOurs(json) ? identityOf(json).folded : std::set<std::string>();
}

void layerFromJson(const Json& json, const LayerSpec& layer, const std::vector<SlotInfo>& slots,
                   const std::string& where, Formats& formats) {
    readLayer(json, layer, layer.name, where, byPath(slots), formats);
}

QConfigFile readQConfig(const std::string& text, const std::vector<LayerSpec>& layers,
                        const std::vector<SlotInfo>& slots) {
    static constexpr std::array<std::string_view, 5> kKeys{"format", "version", "model", "layers", "extensions"};
    const Json json = parseJson(text, "");
    const Model model(layers, slots);
    QConfigFile file;
    file.formats.resize(slots.size());
    if (json.is_object() && !json.contains("format") && readForeign(json, model, "", "", file.formats) > 0) {
        file.isForeign = true;
        return file;
    }
    if (!isOurs(json))
        throw Error("/format", "the file is no QConfig of this program",
                    "give a file with \"format\": \"" + std::string(kQConfigFormat) + "\"");
    const Json version = json.value("version", Json());
    if (wholeNumber(version) != kQConfigVersion)
        throw Error("/version", "is " + version.dump().substr(0, 40) + ", and 1 is known", "use a newer program");
    refuseOtherKeys(json, kKeys, "");

    file.model = identityOf(json);
    if (file.model.sha256.empty())
        file.note = "the QConfig does not say which model file it is for (model.sha256): its formats were taken by the "
                    "tensors' paths";
    const Json& given = member(json, "layers", "");
    if (!given.is_object())
        throw Error("/layers", "is not an object", kSeeSchema);
    for (const auto& [path, config] : given.items()) {
        const LayerSpec* layer = model.layer(path);
        if (!layer)
            throw Error(path, "the model has no layer of that path", kOtherModel);
        readLayer(config, *layer, path, pointer("/layers", path), model.slots(), file.formats);
    }
    const auto extensions = json.find("extensions");
    if (extensions == json.end())
        return file;
    if (!extensions->is_object())
        throw Error("/extensions", "is not an object", kSeeSchema);
    for (const auto& [path, format] : extensions->items()) {
        const auto slot = model.slots().find(path);
        if (slot == model.slots().end())
            throw Error(path, "the model has no tensor of that path", kOtherModel);
        file.formats[slot->second] = extensionFromJson(format, pointer("/extensions", path));
    }
    return file;
}

} // namespace fxp::quant
