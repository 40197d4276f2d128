#pragma once

#include "quant/core/qtype.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace fxp::quant {

enum class Method { NoOverflow, HighPrecision, MinMse };

/// `no_overflow`, `high_precision`, `min_mse`.
std::string_view name(Method method);
std::optional<Method> parseCalibrationMethod(std::string_view text);

/// Tensors that share one format: FIXED_POINT.md, section 4.
enum class Group {
    WeightBias,     ///< `wb`: weight and bias of a layer
    QueryKeyValue,  ///< `qkv`: attention's three input projections
    AllProjections, ///< `all`: the three and out_proj
    FeedForward,    ///< `ff`: an encoder layer's linear1 and linear2
};
std::string_view name(Group group);
std::optional<Group> parseGroup(std::string_view text);

struct CalibrationOptions {
    Method parameters = Method::NoOverflow;
    Method activations = Method::NoOverflow;
    std::set<Group> groups;
    bool parametersOnly = false; ///< leaves partial formats of computed tensors partial
};

} // namespace fxp::quant
