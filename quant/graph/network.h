#pragma once

#include "quant/graph/module_info.h"
#include "quant/graph/program.h"

#include <ATen/core/ivalue.h>

#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// A run of the model over one batch, recorded.
struct Recording {
    Program program;
    std::vector<at::Tensor> values; ///< the float run's tensors, by value
};

/// A model file that has been read. Importers of every container give this one form.
class Network {
  public:
    virtual ~Network() = default;
    virtual const std::vector<ModuleInfo>& modules() const = 0;
    virtual const std::vector<ArgumentInfo>& arguments() const = 0;
    /// Runs the model in float32 on the arguments, in the order of arguments(); an absent one takes its default.
    /// Starts from the state in the file, however often it is called. Throws Error: module path, what, hint.
    virtual Recording record(const std::vector<std::optional<at::IValue>>& arguments) = 0;
};

} // namespace fxp::quant
