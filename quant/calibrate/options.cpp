#include "quant/calibrate/options.h"

#include "quant/core/error.h"

namespace fxp::quant {

namespace {

template <class Values> auto parsed(const Values& values, std::string_view text)
    -> std::optional<typename Values::value_type> {
    for (const auto value : values) {
        if (text == name(value))
            return value;
    }
    return std::nullopt;
}

} // namespace

std::string_view name(Method method) {
    switch (method) {
    case Method::NoOverflow: return "no_overflow";
    case Method::HighPrecision: return "high_precision";
    case Method::MinMse: return "min_mse";
    case Method::Percentile: return "percentile";
    case Method::KlDivergence: return "kl";
    }
    return {};
}

std::string_view name(Scheme scheme) {
    switch (scheme) {
    case Scheme::PowerOfTwo: return "power_of_two";
    case Scheme::Scale: return "scale";
    case Scheme::Affine: return "affine";
    }
    return {};
}

std::string_view name(Group group) {
    switch (group) {
    case Group::WeightBias: return "wb";
    case Group::QueryKeyValue: return "qkv";
    case Group::AllProjections: return "all";
    case Group::FeedForward: return "ff";
    case Group::FullyConnected: return "fc";
    }
    return {};
}

std::optional<Method> parseCalibrationMethod(std::string_view text) {
    return text == "entropy" ? Method::KlDivergence : parsed(kMethods, text);
}

std::optional<Scheme> parseScheme(std::string_view text) {
    return parsed(kSchemes, text);
}

std::optional<Group> parseGroup(std::string_view text) {
    return parsed(kGroups, text);
}

void validate(const CalibrationOptions& options) {
    const bool scaled = options.scheme != Scheme::PowerOfTwo;
    const std::string scheme(name(options.scheme));
    if (!options.groups.empty() && (scaled || options.perChannelWeights))
        throw Error("groups",
                    "tensors share a binary point, and " + (scaled ? "the scheme " + scheme : "a format per channel") +
                        " has none",
                    "leave the groups out, or take the scheme power_of_two with one format for a tensor");
    if (scaled && (options.parameters == Method::HighPrecision || options.activations == Method::HighPrecision))
        throw Error("method", "high_precision sets a binary point, and the scheme " + scheme + " has none",
                    "take another method, or the scheme power_of_two");
}

} // namespace fxp::quant
