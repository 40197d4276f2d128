#pragma once

#include "quant/import/onnx/node_run.h"

namespace fxp::quant::onnx_import {

/// The convolution that the node's attributes describe. x: [N, C, …], weight: [O, C / group, …]; bias may be undefined.
at::Tensor convolved(NodeRun& node, const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias);

} // namespace fxp::quant::onnx_import
