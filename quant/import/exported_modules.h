#pragma once

#include "quant/graph/network.h"
#include "quant/import/exported_calls.h"

#include <set>
#include <string>
#include <vector>

namespace fxp::quant {

/// The modules that parameters of those names lie in, with what they hold, the root first; a module comes before those
/// inside it, and where it is first named. Of their classes nothing is known.
std::vector<ModuleInfo> modulesOf(const NamedTensors& parameters);

/// The modules of a torch.export file: those that were called and those that hold parameters. A container that was not
/// called itself (a list of layers) has only a guess at its class, by how its children are named.
std::vector<ModuleInfo> exportedModules(const ExportedProgram& program, const ExportedCall& calls,
                                        const NamedTensors& parameters);

/// Of the modules of torch.nn those that have no others inside.
std::set<std::string> leavesOf(const std::vector<ModuleInfo>& modules);

} // namespace fxp::quant
