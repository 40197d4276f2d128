#pragma once

#include "quant/core/qtype.h"
#include "quant/ops/builder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace onnx {
class NodeProto;
} // namespace onnx

namespace fxp::quant::onnx_import {

/// What a quantizer of a file does: integers low … high, each (integer − zero point) · scale.
struct QuantizerRange {
    std::vector<double> scale; ///< one, or one for each channel
    std::vector<std::int64_t> zeroPoint;
    std::int64_t low = 0, high = 0;
    int axis = -1; ///< of the channels; −1: there is one scale
    Rounding rounding = Rounding::Round;
};

/// The format with these values: one with a point where the scale is a power of two and integer 0 is the value 0, else
/// a scaled one. Absent where the number of integers is neither 2^T nor 2^T − 1.
std::optional<QType> formatOf(const QuantizerRange& range);

/// A format of the file, and the value or constant that has it.
struct ValueFormat {
    QType format;
    Value value;         ///< of a quantizer's result
    at::Tensor constant; ///< of dequantized weights
    const ::onnx::NodeProto* node = nullptr;
};

/// Formats by slot path: each goes to the slots that quantize its value, which may be moved on the way; where there are
/// none, to the slot that gives it. `unplaced` gets the nodes of values that no slot takes.
std::map<std::string, QType> placeFormats(const Builder::Finished& finished, const std::vector<ValueFormat>& formats,
                                          std::vector<const ::onnx::NodeProto*>& unplaced);

} // namespace fxp::quant::onnx_import
