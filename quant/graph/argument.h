#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace fxp::quant {

/// A place in an operator's arguments that the step's input of that number fills.
struct Hole {
    std::int32_t input = 0;

    bool operator==(const Hole&) const = default;
};

/// One argument of an operator as plain data: nothing (None, or an absent tensor), a number, a text, a hole for a
/// tensor, or a list of such.
struct Argument {
    using List = std::vector<Argument>;
    std::variant<std::monostate, bool, std::int64_t, double, std::string, Hole, List> value;

    Argument() = default;
    Argument(bool flag) : value(flag) {}
    Argument(int number) : value(std::int64_t{number}) {}
    Argument(std::int64_t number) : value(number) {}
    Argument(double number) : value(number) {}
    Argument(const char* text) : value(std::string(text)) {}
    Argument(std::string text) : value(std::move(text)) {}
    Argument(Hole hole) : value(hole) {}
    Argument(List list) : value(std::move(list)) {}
    Argument(const std::vector<std::int64_t>& numbers) : value(List(numbers.begin(), numbers.end())) {}

    bool isNone() const { return std::holds_alternative<std::monostate>(value); }
    bool isHole() const { return std::holds_alternative<Hole>(value); }
    bool operator==(const Argument&) const = default;
};

/// An argument and its name; the name may be empty where the position determines which argument it is.
struct NamedArgument {
    std::string name;
    Argument value;

    bool operator==(const NamedArgument&) const = default;
};

using Arguments = std::vector<NamedArgument>;

/// The argument of that name; null where there is none.
const Argument* find(const Arguments& arguments, const std::string& name);

/// The named argument as a value of that type. Throws Error naming `name` when there is none, or it is of another type.
bool flag(const Arguments& arguments, const std::string& name);
std::int64_t integer(const Arguments& arguments, const std::string& name);
double real(const Arguments& arguments, const std::string& name);
const std::string& text(const Arguments& arguments, const std::string& name);
std::vector<std::int64_t> integers(const Arguments& arguments, const std::string& name);

} // namespace fxp::quant
