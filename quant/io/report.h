#pragma once

#include "quant/engine/run_result.h"
#include "quant/graph/layer_spec.h"
#include "quant/io/qconfig.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <vector>

namespace fxp::quant {

/// Bits of the model's parameters as they are stored: T each, 32 where a parameter stays float.
struct WeightBits {
    std::int64_t fixed = 0, asFloat = 0;
};
WeightBits weightBits(const std::vector<SlotInfo>& slots, const Formats& formats);

/// Every figure of a run, by tensor path, and of the model's outputs; resources/schemas/report.schema.json describes
/// it. Numbers that JSON does not have (an SQNR without error) are the strings "Infinity", "-Infinity" and "NaN".
nlohmann::ordered_json report(const ModelIdentity& model, std::int64_t samples, const std::vector<SlotInfo>& slots,
                              const Formats& formats, const RunResult& result);

} // namespace fxp::quant
