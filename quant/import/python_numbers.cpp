#include "quant/import/python_numbers.h"

#include "quant/core/error.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace fxp::quant {

namespace {

bool isNumber(const at::IValue& value) {
    return value.isInt() || value.isDouble() || value.isBool();
}
bool isInteger(const at::IValue& value) {
    return value.isInt() || value.isBool();
}
double real(const at::IValue& value) {
    return value.isDouble() ? value.toDouble() : static_cast<double>(value.isBool() ? value.toBool() : value.toInt());
}
std::int64_t integer(const at::IValue& value) {
    return value.isBool() ? static_cast<std::int64_t>(value.toBool()) : value.toInt();
}

[[noreturn]] void fail(const std::string& name, const std::string& what) {
    throw Error(name, what, "give inputs of the shape that the model was exported for");
}

std::int64_t whole(const std::string& name, double value) {
    if (!(value >= -9.2e18 && value <= 9.2e18))
        fail(name, "a size is beyond int64");
    return static_cast<std::int64_t>(value);
}

/// Python's // and %: the quotient is rounded down, the rest has the divisor's sign.
std::int64_t floorQuotient(const std::string& name, std::int64_t a, std::int64_t b) {
    if (b == 0 || (a == INT64_MIN && b == -1))
        fail(name, "a size is divided by " + std::to_string(b));
    return a / b - static_cast<std::int64_t>(a % b != 0 && (a < 0) != (b < 0));
}

std::int64_t checked(const std::string& name, bool overflows, std::int64_t value) {
    if (overflows)
        fail(name, "a size is beyond int64");
    return value;
}

std::int64_t power(const std::string& name, std::int64_t base, std::int64_t exponent) {
    if (base == 0 || base == 1)
        return exponent == 0 ? 1 : base;
    if (base == -1)
        return exponent % 2 == 0 ? 1 : -1;
    std::int64_t result = 1;
    for (std::int64_t i = 0; i < exponent; ++i) { // of any other base, int64 ends before 64 steps
        std::int64_t next = 0;
        const bool overflows = __builtin_mul_overflow(result, base, &next);
        result = checked(name, overflows, next);
    }
    return result;
}

std::optional<at::IValue> ofTwo(const std::string& name, const std::string& op, const at::IValue& a,
                                const at::IValue& b) {
    const bool integers = isInteger(a) && isInteger(b);
    std::int64_t result = 0;
    const auto either = [&](bool overflows, double value) {
        return integers ? at::IValue(checked(name, overflows, result)) : at::IValue(value);
    };
    if (op == "add")
        return either(integers && __builtin_add_overflow(integer(a), integer(b), &result), real(a) + real(b));
    if (op == "sub")
        return either(integers && __builtin_sub_overflow(integer(a), integer(b), &result), real(a) - real(b));
    if (op == "mul")
        return either(integers && __builtin_mul_overflow(integer(a), integer(b), &result), real(a) * real(b));
    if (op == "floordiv")
        return integers ? at::IValue(floorQuotient(name, integer(a), integer(b)))
                        : at::IValue(std::floor(real(a) / real(b)));
    if (op == "mod") {
        if (integers)
            return integer(a) - floorQuotient(name, integer(a), integer(b)) * integer(b);
        return real(a) - std::floor(real(a) / real(b)) * real(b);
    }
    if (op == "truediv" || op == "int_truediv") {
        if (real(b) == 0)
            fail(name, "a size is divided by 0");
        return real(a) / real(b);
    }
    if (op == "pow")
        return integers && integer(b) >= 0 ? at::IValue(power(name, integer(a), integer(b)))
                                           : at::IValue(std::pow(real(a), real(b)));
    if (op == "eq")
        return real(a) == real(b);
    if (op == "ne")
        return real(a) != real(b);
    if (op == "lt")
        return real(a) < real(b);
    if (op == "le")
        return real(a) <= real(b);
    if (op == "gt")
        return real(a) > real(b);
    if (op == "ge")
        return real(a) >= real(b);
    if (op == "max" || op == "sym_max")
        return real(a) >= real(b) ? a : b;
    if (op == "min" || op == "sym_min")
        return real(a) <= real(b) ? a : b;
    if (op == "and_" && a.isBool() && b.isBool())
        return a.toBool() && b.toBool();
    if (op == "or_" && a.isBool() && b.isBool())
        return a.toBool() || b.toBool();
    if (integers && op == "and_")
        return integer(a) & integer(b);
    if (integers && op == "or_")
        return integer(a) | integer(b);
    if (integers && op == "lshift" && integer(b) >= 0 && integer(b) < 63)
        return either(__builtin_mul_overflow(integer(a), std::int64_t{1} << integer(b), &result), 0);
    if (integers && op == "rshift" && integer(b) >= 0)
        return integer(a) >> std::min<std::int64_t>(integer(b), 63);
    return std::nullopt;
}

std::optional<at::IValue> ofOne(const std::string& name, const std::string& op, const at::IValue& a) {
    if (op == "neg" || op == "sym_neg")
        return isInteger(a) ? at::IValue(checked(name, integer(a) == INT64_MIN, -integer(a))) : at::IValue(-real(a));
    if (op == "pos")
        return a;
    if (op == "abs")
        return isInteger(a) ? at::IValue(checked(name, integer(a) == INT64_MIN, std::abs(integer(a))))
                            : at::IValue(std::abs(real(a)));
    if (op == "not_" || op == "sym_not")
        return real(a) == 0;
    if (op == "sym_float" || op == "float")
        return real(a);
    if (op == "trunc" || op == "sym_int" || op == "int")
        return isInteger(a) ? integer(a) : whole(name, std::trunc(real(a)));
    if (op == "floor")
        return isInteger(a) ? integer(a) : whole(name, std::floor(real(a)));
    if (op == "ceil")
        return isInteger(a) ? integer(a) : whole(name, std::ceil(real(a)));
    if (op == "round")
        return isInteger(a) ? integer(a) : whole(name, std::nearbyint(real(a)));
    if (op == "sqrt" || op == "_sym_sqrt" || op == "sym_sqrt")
        return std::sqrt(real(a));
    if (op == "log2" || op == "_sym_log2")
        return std::log2(real(a));
    return std::nullopt;
}

} // namespace

std::optional<at::IValue> pythonNumber(const std::string& name, const std::vector<at::IValue>& arguments) {
    if (!std::ranges::all_of(arguments, isNumber))
        return std::nullopt;
    const std::string op = name.substr(name.rfind('.') + 1);
    if (arguments.size() == 1)
        return ofOne(name, op, arguments[0]);
    if (arguments.size() == 2)
        return ofTwo(name, op, arguments[0], arguments[1]);
    if (arguments.size() == 3 && op == "sym_ite" && arguments[0].isBool())
        return arguments[0].toBool() ? arguments[1] : arguments[2];
    return std::nullopt;
}

} // namespace fxp::quant
