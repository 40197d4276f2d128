#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace fxp::quant {

/// Objects keep the order of their keys.
using Json = nlohmann::ordered_json;

/// The greatest depth of nesting. No file of this program comes near it; a deeper file is refused, because recursion
/// over it would overflow the stack.
inline constexpr int kMaxJsonDepth = 64;

/// Reads JSON from outside. Time and memory are linear in the text. Throws Error, `where` with the byte or the key: the
/// text is not JSON, is nested deeper than kMaxJsonDepth, or has a key twice in one object.
Json parseJson(std::string_view text, const std::string& where);

/// The JSON number as int64; absent for anything but an integer that int64 holds: for 1.0 and 2⁶³, too. (nlohmann's
/// get<> wraps and truncates.)
std::optional<std::int64_t> wholeNumber(const Json& json);

/// A number in the form that all JSON of this program has: one that is not finite is "Infinity", "-Infinity" or "NaN".
Json jsonNumber(double value);

/// The JSON pointer `where`, extended by a key.
std::string pointer(const std::string& where, const std::string& key);

/// Fills an object of many keys in linear time; ordered_json itself compares each new key with all others.
class JsonMembers {
  public:
    JsonMembers() : m_object(Json::object()) {}
    /// Adds a key with its value; a known key is left unchanged. Says whether it was new.
    bool add(const std::string& key, Json value);
    Json take() { return std::move(m_object); }

  private:
    Json m_object;
    std::unordered_set<std::string> m_keys;
};

} // namespace fxp::quant
