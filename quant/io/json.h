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

/// Nesting that no file of ours comes near; beyond it a file is refused, as recursion over it would end the program.
inline constexpr int kMaxJsonDepth = 64;

/// Reads JSON from outside. Time and memory are linear in the text. Throws Error, `where` with the byte or the key: the
/// text is not JSON, is nested deeper than kMaxJsonDepth, or has a key twice in one object.
Json parseJson(std::string_view text, const std::string& where);

/// An integer of JSON that int64 holds; absent for anything else, 1.0 and 2⁶³ too. (nlohmann's get<> wraps and cuts.)
std::optional<std::int64_t> wholeNumber(const Json& json);

/// A number as all our JSON has it: one that is not finite is "Infinity", "-Infinity" or "NaN".
Json jsonNumber(double value);

/// `where` and a key of the object there, as a JSON pointer.
std::string pointer(const std::string& where, const std::string& key);

/// Fills an object of many keys in linear time: ordered_json's own look for each key among all others.
class JsonMembers {
  public:
    JsonMembers() : m_object(Json::object()) {}
    /// The value of a new key; of a known one nothing is changed. Says whether it was new.
    bool add(const std::string& key, Json value);
    Json take() { return std::move(m_object); }

  private:
    Json m_object;
    std::unordered_set<std::string> m_keys;
};

} // namespace fxp::quant
