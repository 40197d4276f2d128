#pragma once

#include "quant/graph/module_info.h"
#include "quant/graph/program.h"

#include <ATen/core/ivalue.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace fxp::quant {

/// Tensors by name, in the model's order.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Which elements of which of the file's parameters a recorded constant is.
struct ParameterSource {
    std::string name;
    std::vector<std::int64_t> sizes, strides; ///< of the constant, in the parameter's storage
    std::int64_t offset = 0;
};

/// A run of the model over one batch, recorded.
struct Recording {
    Program program;
    std::vector<at::Tensor> values;             ///< the float run's tensors, by value
    std::map<ValueId, ParameterSource> sources; ///< of constants that are parameters or parts of them
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
    /// Batch norms, by path, that the next recording has in the layer before them. Throws Error where the container
    /// knows none.
    virtual void setFolded(const std::set<std::string>& norms);
    /// The parameters and buffers under the file's names.
    virtual NamedTensors parameters() const { return {}; }
    /// Gives parameters new values, which the next recording has. All of them or, with an Error naming the one that
    /// does not fit, none.
    virtual void setParameters(const NamedTensors& values);
};

} // namespace fxp::quant
