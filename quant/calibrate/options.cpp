#include "quant/calibrate/options.h"

#include <array>

namespace fxp::quant {

std::string_view name(Method method) {
    switch (method) {
    case Method::NoOverflow: return "no_overflow";
    case Method::HighPrecision: return "high_precision";
    case Method::MinMse: return "min_mse";
    }
    return {};
}

std::string_view name(Group group) {
    switch (group) {
    case Group::WeightBias: return "wb";
    case Group::QueryKeyValue: return "qkv";
    case Group::AllProjections: return "all";
    case Group::FeedForward: return "ff";
    }
    return {};
}

std::optional<Method> parseCalibrationMethod(std::string_view text) {
    for (const Method method : {Method::NoOverflow, Method::HighPrecision, Method::MinMse}) {
        if (text == name(method))
            return method;
    }
    return std::nullopt;
}

std::optional<Group> parseGroup(std::string_view text) {
    for (const Group group : {Group::WeightBias, Group::QueryKeyValue, Group::AllProjections, Group::FeedForward}) {
        if (text == name(group))
            return group;
    }
    return std::nullopt;
}

} // namespace fxp::quant
