#pragma once

#include <memory>
#include <string>

namespace onnx {
class ModelProto;
}

namespace fxp::quant::onnx_import {

/// Parses an ONNX file. Throws Error naming the file when it is cut off or no ModelProto, has no graph, or nests graphs
/// more than 64 deep.
std::unique_ptr<::onnx::ModelProto> readModel(const std::string& file);

/// Attributes and metadata are looked at through these bounds.
inline constexpr int kMaxGraphDepth = 64;

} // namespace fxp::quant::onnx_import
