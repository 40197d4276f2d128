#include "quant/io/format_json.h"

#include "quant/core/error.h"
#include "quant/io/qconfig.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace fxp::quant {

namespace {

constexpr auto kSeeSchema = "see the QConfig schema";

std::optional<int> bits(const Json& json, const std::string& where) {
    if (json.is_null())
        return std::nullopt;
    if (!json.is_number_integer())
        throw Error(where, "is " + json.dump().substr(0, 40) + ", not an integer or null", "give whole bits");
    const auto value = wholeNumber(json);
    if (!value || *value < -100'000 || *value > 100'000)
        throw Error(where, "is " + json.dump() + ", out of range", "give whole bits");
    return static_cast<int>(*value);
}

const Json::array_t& listOf(const Json& json, const std::string& where) {
    if (!json.is_array() || json.empty())
        throw Error(where, "is not a list of numbers", kSeeSchema);
    return json.get_ref<const Json::array_t&>();
}

[[noreturn]] void refuseItem(const Json& item, const std::string& where) {
    throw Error(where, "has " + item.dump().substr(0, 40) + " in it", kSeeSchema);
}

} // namespace

const Json& member(const Json& json, const std::string& key, const std::string& where) {
    if (!json.is_object())
        throw Error(where, std::string("is ") + json.type_name() + ", not an object", kSeeSchema);
    const auto found = json.find(key);
    if (found == json.end())
        throw Error(where, "the key \"" + key + "\" is missing", "add it");
    return *found;
}

void refuseOtherKeys(const Json& json, std::span<const std::string_view> known, const std::string& where) {
    for (const auto& [key, value] : json.items()) {
        if (std::ranges::find(known, key) == known.end())
            throw Error(pointer(where, key), "the key is unknown", "remove it, or correct its spelling");
    }
}

Json toJson(const QType& type) {
    Json json;
    json["total_bits"] = type.totalBits ? Json(*type.totalBits) : Json();
    json["fractional_bits"] = type.fractionalBits ? Json(*type.fractionalBits) : Json();
    const auto number = fxpytorchMethod(type);
    json["q_method"] = number ? Json(*number) : Json(methodName(type));
    return json;
}

QType formatFromJson(const Json& json, const std::string& where) {
    static constexpr std::array<std::string_view, 3> kKeys{"total_bits", "fractional_bits", "q_method"};
    QType type;
    type.totalBits = bits(member(json, "total_bits", where), pointer(where, "total_bits"));
    type.fractionalBits = bits(member(json, "fractional_bits", where), pointer(where, "fractional_bits"));
    refuseOtherKeys(json, kKeys, where);
    const Json& method = member(json, "q_method", where);
    const auto number = wholeNumber(method);
    if (number == 1 || number == 2)
        type.rounding = number == 1 ? Rounding::Trunc : Rounding::Round;
    else if (!method.is_string() || !parseMethod(method.get<std::string>(), type))
        throw Error(pointer(where, "q_method"), "the method " + method.dump().substr(0, 40) + " is unknown",
                    "use 1, 2 or a name such as \"FLOOR_WRAP\"");
    if (type.totalBits && (*type.totalBits < kMinTotalBits || *type.totalBits > kMaxTotalBits))
        throw Error(pointer(where, "total_bits"), "is " + std::to_string(*type.totalBits), "use 2 to 64, or null");
    validate(type, pointer(where, "fractional_bits"));
    return type;
}

Json extensionJson(const QType& type) {
    Json json = toJson(type);
    if (type.affine) {
        json["scale"] = type.affine->scale;
        json["zero_point"] = type.affine->zeroPoint;
        json["axis"] = type.affine->perChannel() ? Json(type.affine->axis) : Json();
    }
    return json;
}

QType extensionFromJson(const Json& json, const std::string& where) {
    if (!json.is_object() || !json.contains("scale"))
        return formatFromJson(json, where);
    constexpr int kMaxAxis = 63;
    Affine affine;
    const std::string scaleWhere = pointer(where, "scale"), zeroWhere = pointer(where, "zero_point");
    for (const Json& item : listOf(json["scale"], scaleWhere)) {
        if (!item.is_number())
            refuseItem(item, scaleWhere);
        affine.scale.push_back(item.get<double>());
    }
    for (const Json& item : listOf(member(json, "zero_point", where), zeroWhere)) {
        const auto value = wholeNumber(item);
        if (!value)
            refuseItem(item, zeroWhere);
        affine.zeroPoint.push_back(*value);
    }
    const Json& axis = member(json, "axis", where);
    const auto dimension = wholeNumber(axis);
    if (!axis.is_null() && !(dimension && *dimension >= 0 && *dimension <= kMaxAxis))
        throw Error(pointer(where, "axis"), "is " + axis.dump().substr(0, 40) + ", not a dimension or null",
                    kSeeSchema);
    affine.axis = axis.is_null() ? -1 : static_cast<int>(*dimension);
    Json plain = json;
    for (const char* key : {"scale", "zero_point", "axis"})
        plain.erase(key);
    QType type = formatFromJson(plain, where);
    type.affine = std::move(affine);
    validate(type, where);
    return type;
}

} // namespace fxp::quant
