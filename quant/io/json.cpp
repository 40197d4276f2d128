#include "quant/io/json.h"

#include "quant/core/error.h"

#include <cmath>
#include <limits>
#include <vector>

namespace fxp::quant {

namespace {

constexpr std::size_t kFewKeys = 16;

/// Appends without a look at the keys that are there.
Json& append(Json& object, const std::string& key, Json value) {
    auto& members = object.get_ref<Json::object_t&>();
    members.Container::emplace_back(key, std::move(value));
    return members.back().second;
}

/// Builds the value as the parser meets its parts. nlohmann's own builder takes any depth and the last of equal keys.
class Builder : public nlohmann::json_sax<Json> {
  public:
    explicit Builder(const std::string& where) : m_where(where) {}

    Json take() { return std::move(m_root); }

    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(number_integer_t value) override { return put(value); }
    bool number_unsigned(number_unsigned_t value) override { return put(value); }
    bool number_float(number_float_t value, const string_t&) override { return put(value); }
    bool string(string_t& value) override { return put(std::move(value)); }
    bool binary(binary_t&) override { return false; } // not in JSON text
    bool start_object(std::size_t) override { return open(Json::object()); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& value) override {
        Level& level = m_open.back();
        if (!isNew(level, value))
            throw Error(whereOf(pointer({}, value)), "the key stands twice in one object", "remove one of them");
        m_key = value;
        return true;
    }
    bool parse_error(std::size_t byte, const std::string&, const nlohmann::detail::exception&) override {
        throw Error(whereOf("byte " + std::to_string(byte)), "the text is not JSON", "give a JSON file");
    }

  private:
    struct Level {
        Json* value;
        std::unordered_set<std::string> keys; ///< of an object with more than a few
    };

    std::string whereOf(const std::string& part) const { return m_where.empty() ? part : m_where + ", " + part; }

    static bool isNew(Level& level, const std::string& key) {
        const auto& members = level.value->get_ref<Json::object_t&>();
        if (members.size() < kFewKeys) {
            for (const auto& [known, value] : members) {
                if (known == key)
                    return false;
            }
            return true;
        }
        if (level.keys.empty()) {
            for (const auto& [known, value] : members)
                level.keys.insert(known);
        }
        return level.keys.insert(key).second;
    }

    Json& place(Json&& value) {
        if (m_open.empty())
            return m_root = std::move(value);
        Json& parent = *m_open.back().value;
        if (parent.is_object())
            return append(parent, m_key, std::move(value));
        auto& items = parent.get_ref<Json::array_t&>();
        items.push_back(std::move(value));
        return items.back();
    }

    bool put(Json&& value) {
        place(std::move(value));
        return true;
    }

    // A parent takes no further member while a child is open, so pointers to open levels stay good.
    bool open(Json&& value) {
        if (m_open.size() == static_cast<std::size_t>(kMaxJsonDepth))
            throw Error(m_where, "the JSON is nested more than " + std::to_string(kMaxJsonDepth) + " deep",
                        "give a file that is what it claims to be");
        m_open.push_back({&place(std::move(value)), {}});
        return true;
    }
    bool close() {
        m_open.pop_back();
        return true;
    }

    const std::string& m_where;
    Json m_root;
    std::vector<Level> m_open;
    std::string m_key;
};

} // namespace

Json parseJson(std::string_view text, const std::string& where) {
    Builder builder(where);
    Json::sax_parse(text, &builder);
    return builder.take();
}

std::optional<std::int64_t> wholeNumber(const Json& json) {
    if (json.is_number_unsigned()) {
        const auto value = json.get<std::uint64_t>();
        if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            return std::nullopt;
        return static_cast<std::int64_t>(value);
    }
    if (!json.is_number_integer())
        return std::nullopt;
    return json.get<std::int64_t>();
}

Json jsonNumber(double value) {
    if (std::isnan(value))
        return "NaN";
    if (std::isinf(value))
        return value > 0 ? "Infinity" : "-Infinity";
    return value;
}

std::string pointer(const std::string& where, const std::string& key) {
    std::string escaped;
    for (const char c : key)
        escaped += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return where + "/" + escaped;
}

bool JsonMembers::add(const std::string& key, Json value) {
    if (!m_keys.insert(key).second)
        return false;
    append(m_object, key, std::move(value));
    return true;
}

} // namespace fxp::quant
