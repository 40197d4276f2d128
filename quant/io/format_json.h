#pragma once

#include "quant/core/qtype.h"
#include "quant/io/json.h"

#include <span>
#include <string>
#include <string_view>

namespace fxp::quant {

// Parts of QConfig files, read strictly; qconfig.h has the files. Each throws Error naming the JSON pointer.

/// The value of a key that an object must have.
const Json& member(const Json& json, const std::string& key, const std::string& where);
/// Refuses an object's first key that is not among those known.
void refuseOtherKeys(const Json& json, std::span<const std::string_view> known, const std::string& where);

/// A format in the form of an extension: with a real-valued scale where it has one.
Json extensionJson(const QType& type);
QType extensionFromJson(const Json& json, const std::string& where);

} // namespace fxp::quant
