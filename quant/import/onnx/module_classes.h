#pragma once

#include "quant/graph/network.h"
#include "quant/import/onnx/scopes.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace fxp::quant::onnx_import {

struct ScopedNode {
    const ::onnx::NodeProto* node = nullptr;
    const NodeScope* scope = nullptr;
};

/// The modules that nodes stand in.
struct ModuleClasses {
    std::vector<ModuleInfo> modules;            ///< the root first, then in the order of their first nodes
    std::map<std::string, std::string> classes; ///< by path; a guess where the file does not say it, or nothing
    std::set<std::string> leaves;               ///< that stand for one layer
};

/// Classes are those that the file names, else what the module's nodes and parameters look like: a hypothesis, which
/// recognition proves or drops.
ModuleClasses moduleClasses(const std::vector<ScopedNode>& nodes, const NamedTensors& parameters);

} // namespace fxp::quant::onnx_import
