#include "model/edit_state.h"

#include "quant/core/error.h"
#include "quant/io/format_json.h"

#include <array>

namespace fxp::model {

namespace {

constexpr auto kCheck = "check the file";

} // namespace

quant::Json toJson(const EditState& state) {
    quant::Json json = quant::Json::object();
    if (!state.folded.empty())
        json["folded"] = state.folded;
    quant::JsonMembers formats;
    for (const auto& [path, format] : state.formats)
        formats.add(path, quant::extensionJson(format));
    json["formats"] = formats.take();
    if (!state.weights.isEmpty())
        json["weights"] = state.weights.toStdString();
    if (state.tuned)
        json["tuned"] = true;
    return json;
}

EditState editStateFrom(const quant::Json& json, const std::string& where) {
    static constexpr std::array<std::string_view, 4> kKeys{"folded", "formats", "weights", "tuned"};
    if (!json.is_object())
        throw Error(where, "is not an object", kCheck);
    quant::refuseOtherKeys(json, kKeys, where);
    EditState state;
    if (const auto folded = json.find("folded"); folded != json.end()) {
        if (!folded->is_array())
            throw Error(quant::pointer(where, "folded"), "is not a list", kCheck);
        for (const auto& path : *folded) {
            if (!path.is_string())
                throw Error(quant::pointer(where, "folded"), "has an entry that is not a path", kCheck);
            state.folded.insert(path.get<std::string>());
        }
    }
    const std::string formatsWhere = quant::pointer(where, "formats");
    const quant::Json& formats = quant::member(json, "formats", where);
    if (!formats.is_object())
        throw Error(formatsWhere, "is not an object", kCheck);
    for (const auto& [path, format] : formats.items())
        state.formats.emplace(path, quant::extensionFromJson(format, quant::pointer(formatsWhere, path)));
    if (const auto weights = json.find("weights"); weights != json.end()) {
        if (!weights->is_string())
            throw Error(quant::pointer(where, "weights"), "is not a file name", kCheck);
        state.weights = QString::fromStdString(weights->get<std::string>());
    }
    if (const auto tuned = json.find("tuned"); tuned != json.end()) {
        if (!tuned->is_boolean())
            throw Error(quant::pointer(where, "tuned"), "is not true or false", kCheck);
        state.tuned = tuned->get<bool>();
    }
    return state;
}

std::string qconfigOf(const EditState& state, const std::string& modelName, const std::string& sha256) {
    quant::Json json{{"format", "fxp-workbench/qconfig"},
                     {"version", 1},
                     {"model", {{"name", modelName}, {"sha256", sha256}}},
                     {"layers", quant::Json::object()}};
    if (!state.folded.empty())
        json["model"]["folded"] = state.folded;
    json["extensions"] = toJson(state)["formats"];
    return json.dump(2) + "\n";
}

} // namespace fxp::model
