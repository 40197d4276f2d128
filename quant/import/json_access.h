#pragma once

#include "quant/core/error.h"
#include "quant/io/json.h"

#include <string>

namespace fxp::quant {

/// Members of JSON that a program wrote, with an Error at `where` for what is not as it must be.
struct JsonAccess {
    std::string where;

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(where, what, "give a file that is complete and was not changed");
    }
    /// Null where there is none.
    const Json* find(const Json& object, const char* key) const {
        if (!object.is_object())
            fail(std::string("has no object where ") + key + " should be");
        const auto found = object.find(key);
        return found == object.end() || found->is_null() ? nullptr : &*found;
    }
    const Json& member(const Json& object, const char* key) const {
        const Json* found = find(object, key);
        if (!found)
            fail(std::string("has no ") + key);
        return *found;
    }
    const Json& list(const Json& object, const char* key) const {
        const Json& found = member(object, key);
        if (!found.is_array())
            fail(std::string(key) + " is not a list");
        return found;
    }
    const std::string& text(const Json& object, const char* key) const { return text(member(object, key)); }
    const std::string& text(const Json& json) const {
        if (!json.is_string())
            fail("has " + json.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40) +
                 " where a text should be");
        return json.get_ref<const std::string&>();
    }
    std::int64_t integer(const Json& json) const {
        const auto number = wholeNumber(json);
        if (!number)
            fail("has " + json.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40) +
                 " where an integer should be");
        return *number;
    }
    bool flag(const Json& json) const {
        if (!json.is_boolean())
            fail("has " + json.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40) +
                 " where true or false should be");
        return json.get<bool>();
    }
};

} // namespace fxp::quant
