#pragma once

#include "quant/engine/session.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fxp::quant {

/// Reads an activation log that this program or FxPyTorch wrote (FIXED_POINT.md, section 8). A tensor whose values are
/// not stored has a shape and no bytes. Throws Error: a JSON pointer, what is wrong there.
std::vector<Session::LoggedTensor> readActivationLog(const std::string& text);

/// One tensor of a log compared with the run's.
struct LogDifference {
    enum class Kind {
        Equal,     ///< all values are equal, or NaN in both
        Values,    ///< some values differ
        Shape,     ///< the shapes differ
        Presence,  ///< absent in one of them
        NotStored, ///< of equal shape; one of them has no values
        OnlyInLog,
        OnlyInRun,
    };
    std::string key;
    Kind kind = Kind::Equal;
    std::int64_t count = 0, different = 0; ///< values; those that differ
    double largest = 0;                    ///< the greatest |difference|; NaN where only one of two values is NaN
    std::string firstAt;                   ///< index of the first that differs: `[0, 3, 1]`
};

/// `equal`, `values`, `shape`, ….
std::string_view name(LogDifference::Kind kind);

/// The list as JSON, as resources/schemas/log_comparison.schema.json describes it.
nlohmann::ordered_json toJson(const std::vector<LogDifference>& differences);

/// Compares tensor by tensor, in the run's order; tensors that only the log has come last.
std::vector<LogDifference> compareLogs(const std::vector<Session::LoggedTensor>& log,
                                       const std::vector<Session::LoggedTensor>& run);

} // namespace fxp::quant
