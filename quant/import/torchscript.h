#pragma once

#include "quant/graph/network.h"
#include "quant/import/step_budget.h"

#include <memory>
#include <string>

namespace fxp::quant {

/// Code of the file that LibTorch's loader runs while it loads: `__setstate__` methods.
enum class LoadedCode {
    Refused, ///< before it runs
    MayRun,  ///< and is looked at afterwards, in this process; another one bore it
};

/// Opens a scripted or traced TorchScript file. Throws Error naming the file when it is missing, truncated or something
/// else than TorchScript. Operators that this LibTorch lacks fail when they are run, not here. `method`: which one
/// runs; empty is forward, or the only one of a file that has no forward. Where it has several, arguments() and
/// record() throw an Error that names them. Throws Error where the file has no method of that name. `limits`: of each
/// recording.
std::unique_ptr<Network> openTorchScript(const std::string& file, const StopRequest& stop = {},
                                         const std::string& method = {}, LoadedCode code = LoadedCode::Refused,
                                         StepBudget::Limits limits = {});

} // namespace fxp::quant
