#pragma once

#include "quant/core/qtype.h"

#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fxp::quant {

/// How a tensor's values determine its format: FIXED_POINT.md, section 4.
enum class Method {
    NoOverflow,    ///< the whole range fits
    HighPrecision, ///< F = 24
    MinMse,        ///< the least mean squared error
    Percentile,    ///< no overflow on the range that holds the middle p per cent of the values
    KlDivergence,  ///< no overflow on the threshold with the least KL divergence of the histogram
};
inline constexpr std::array kMethods{Method::NoOverflow, Method::HighPrecision, Method::MinMse, Method::Percentile,
                                     Method::KlDivergence};

/// `no_overflow`, `high_precision`, `min_mse`, `percentile`, `kl`.
std::string_view name(Method method);
/// Accepts `entropy` for `kl`, too.
std::optional<Method> parseCalibrationMethod(std::string_view text);

/// How the integers are scaled.
enum class Scheme {
    PowerOfTwo, ///< a binary point
    Scale,      ///< a real-valued scale, symmetric
    Affine,     ///< a real-valued scale and a zero point
};
inline constexpr std::array kSchemes{Scheme::PowerOfTwo, Scheme::Scale, Scheme::Affine};
/// `power_of_two`, `scale`, `affine`.
std::string_view name(Scheme scheme);
std::optional<Scheme> parseScheme(std::string_view text);

/// Tensors that share one format: FIXED_POINT.md, section 4.
enum class Group {
    WeightBias,     ///< `wb`: weight and bias of a layer
    QueryKeyValue,  ///< `qkv`: attention's three input projections
    AllProjections, ///< `all`: the three and out_proj
    FeedForward,    ///< `ff`: an encoder layer's linear1 and linear2
    FullyConnected, ///< `fc`: a recurrent layer's w_ih and w_hh
};
inline constexpr std::array kGroups{Group::WeightBias, Group::QueryKeyValue, Group::AllProjections, Group::FeedForward,
                                    Group::FullyConnected};
std::string_view name(Group group);
std::optional<Group> parseGroup(std::string_view text);

/// How partial formats are filled in.
struct CalibrationOptions {
    Method parameters = Method::NoOverflow;
    Method activations = Method::NoOverflow;
    std::set<Group> groups;
    bool parametersOnly = false; ///< leaves partial formats of computed tensors partial
    double percentile = 99.9;    ///< of Method::Percentile: 0 … 100
    Scheme scheme = Scheme::PowerOfTwo;
    bool perChannelWeights = false; ///< weights of two and more dimensions: a scale for each output channel
    /// Slots whose complete format is chosen anew: T, rounding, overflow and the kind of scale stay as they are,
    /// whatever `scheme` is. A float slot stays float.
    std::vector<std::size_t> refit = {};
};

/// Throws Error where the options contradict each other: groups share a binary point, and high_precision chooses one,
/// but a real-valued scale has none.
void validate(const CalibrationOptions& options);

} // namespace fxp::quant
