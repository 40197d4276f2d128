#pragma once

#include <vector>

namespace onnx {
class NodeProto;
} // namespace onnx

namespace fxp::quant::onnx_import {

/// The nodes such that each stands after those whose results it reads, itself or in a graph inside it; otherwise in the
/// given order. ONNX demands this of files, and not all keep to it. Throws Error naming a value that depends on itself
/// or that two nodes compute.
std::vector<const ::onnx::NodeProto*> inOrder(const std::vector<const ::onnx::NodeProto*>& nodes);

} // namespace fxp::quant::onnx_import
