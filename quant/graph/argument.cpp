#include "quant/graph/argument.h"

#include "quant/core/error.h"

#include <algorithm>

namespace fxp::quant {

namespace {

template <class T> const T& get(const Arguments& arguments, const std::string& name) {
    const Argument* argument = find(arguments, name);
    const T* value = argument ? std::get_if<T>(&argument->value) : nullptr;
    if (!value)
        throw Error(name, "the step has no such argument, or it has another type", "record the model anew");
    return *value;
}

} // namespace

const Argument* find(const Arguments& arguments, const std::string& name) {
    const auto found = std::ranges::find(arguments, name, &NamedArgument::name);
    return found == arguments.end() ? nullptr : &found->value;
}

bool flag(const Arguments& arguments, const std::string& name) {
    return get<bool>(arguments, name);
}
std::int64_t integer(const Arguments& arguments, const std::string& name) {
    return get<std::int64_t>(arguments, name);
}
double real(const Arguments& arguments, const std::string& name) {
    return get<double>(arguments, name);
}
const std::string& text(const Arguments& arguments, const std::string& name) {
    return get<std::string>(arguments, name);
}

std::vector<std::int64_t> integers(const Arguments& arguments, const std::string& name) {
    std::vector<std::int64_t> numbers;
    for (const Argument& element : get<Argument::List>(arguments, name)) {
        const auto* number = std::get_if<std::int64_t>(&element.value);
        if (!number)
            throw Error(name, "is not a list of integers", "record the model anew");
        numbers.push_back(*number);
    }
    return numbers;
}

} // namespace fxp::quant
