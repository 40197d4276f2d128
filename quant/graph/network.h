#pragma once

#include "quant/core/qtype.h"
#include "quant/core/stop.h"
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

/// Where a recorded constant comes from: elements of a parameter of the file.
struct ParameterSource {
    std::string name;
    std::vector<std::int64_t> sizes, strides; ///< of the constant, in the parameter's storage
    std::int64_t offset = 0;                  ///< in elements, from the parameter's first
};

/// The model's own operators that a layer replaced, kept so that the recognition can be proven on further samples.
/// Values numbered below Program::valueCount belong to the program; those from there on belong to these operators only.
struct LayerProof {
    std::string path;
    std::vector<Step> operators;
    ValueId valueCount = 0;                                ///< the number of the program's values and of their own
    std::vector<std::pair<ValueId, at::Tensor>> constants; ///< those among their own values
    std::vector<ValueId> expected;                         ///< results of the operators
    std::vector<ValueId> got;                              ///< the layer's results, in the same order
};

/// A program and the float run that recorded it.
struct Recording {
    Program program;
    std::vector<at::Tensor> values;             ///< the float run's tensors, by value
    std::map<ValueId, ParameterSource> sources; ///< of constants that are parameters or parts of them
    std::vector<LayerProof> proofs;
};

/// A model file that has been read. Importers of every container give this one form.
class Network {
  public:
    virtual ~Network() = default;
    virtual const std::vector<ModuleInfo>& modules() const = 0;
    virtual const std::vector<ArgumentInfo>& arguments() const = 0;
    /// The types of the results, as the file writes them; empty where it does not say.
    virtual std::vector<std::string> results() const { return {}; }
    /// Whether the file holds weights and no program: it can be inspected and calibrated, but not run. record() then
    /// gives a program that only quantizes the weights.
    virtual bool isWeightsOnly() const { return false; }
    /// Runs the model in float32 on the arguments, in the order of arguments(); an absent one takes its default.
    /// Starts from the state in the file, however often it is called. Throws Error: module path, what, hint; Stopped
    /// where `stop` said so between two operators.
    virtual Recording record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop = {}) = 0;
    /// From now on recordings run the module of that path operator by operator: samples were found for which the layer
    /// that it was recognised as computes other values than its operators.
    virtual void refuseLayer(const std::string& /*path*/) {}
    /// Batch norms, by path, that the next recording folds into the layer before them. Throws Error where the container
    /// knows none.
    virtual void setFolded(const std::set<std::string>& norms);
    /// The parameters and buffers under the file's names.
    virtual NamedTensors parameters() const { return {}; }
    /// Gives parameters new values, which the next recording has. All of them or, with an Error naming the one that
    /// does not fit, none.
    virtual void setParameters(const NamedTensors& values);
    /// Formats that the file gives to slots, by path, as far as the last recording found them.
    virtual std::map<std::string, QType> formats() const { return {}; }
};

} // namespace fxp::quant
