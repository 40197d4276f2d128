#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace onnx {
class TensorProto;
}

namespace fxp::quant::onnx_import {

/// The tensor, held as storageOf (element_types.h) says. `folder`: where external data may lie; empty where there is
/// none. Throws Error naming the tensor when its size and its data disagree, a value is beyond float32, or its external
/// file is missing, too short or outside the folder.
at::Tensor readTensor(const ::onnx::TensorProto& proto, const std::string& folder);

} // namespace fxp::quant::onnx_import
