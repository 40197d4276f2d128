#pragma once

#include <map>
#include <string>
#include <vector>

namespace onnx {
class GraphProto;
class NodeProto;
} // namespace onnx

namespace fxp::quant::onnx_import {

/// Where a node stands in the model that was exported, as far as the file says it.
struct NodeScope {
    std::string path;                 ///< of the innermost module: `encoder.layers.0.linear1`; empty for the root
    std::vector<std::string> parents; ///< paths of the modules around it, outermost first, itself last
    std::vector<std::string> classes; ///< of these modules, where the file says so: `torch.nn.linear.Linear`
    std::string source;               ///< `file:line`, where the file says so
};

/// From what exporters write: PyTorch's names of scopes in a node's metadata, paths in node names
/// (`/encoder/layers.0/linear1/MatMul`), else the name of the node's weight (`features.0.weight`).
NodeScope scopeOf(const ::onnx::NodeProto& node);

/// `/stem/stem.0/Conv` → `stem`, `stem.0`.
std::vector<std::string> parentsFromName(const std::string& nodeName);

} // namespace fxp::quant::onnx_import
