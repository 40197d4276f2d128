#pragma once

#include "quant/graph/formats.h"
#include "quant/graph/network.h"
#include "quant/ops/builder.h"

#include <torch/nn/module.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace fxp::quant {

/// A layer or a whole network as a torch::nn::Module that an optimizer trains: forward quantizes every slot as its
/// format says, and gradients pass through the quantizations unchanged (FIXED_POINT.md, section 3). Its parameters are
/// the tensors of the weight and bias slots, under the slots' paths with '/' for '.'.
class QuantizedModule : public torch::nn::Module {
  public:
    /// Records the network in float on inputs; called once for each set of input shapes.
    using Record = std::function<Recording(const Tensors& inputs)>;

    /// `inputs`: an example, from which the slots and parameters are found. All slots are float at first.
    QuantizedModule(Record record, const Tensors& inputs);

    const std::vector<SlotInfo>& slots() const { return m_slots; }
    /// Sets the formats, by slot. Throws Error naming the tensor whose format is partial.
    void setFormats(const Formats& formats);

    /// The network's outputs for inputs of any shape that it takes.
    Tensors forward(const Tensors& inputs);

    /// Replaces the parameters by their quantized values: from then on, quantizing them changes nothing.
    void quantizeWeightsBias();

    /// The parameter of a slot by its path; undefined where the slot has none.
    at::Tensor parameterOf(const std::string& path) const;
    /// Where the parameters come from, by slot path.
    const std::map<std::string, ParameterSource>& sources() const { return m_sources; }

  private:
    const Program& programFor(const Tensors& inputs);

    Record m_record;
    std::map<std::vector<std::vector<std::int64_t>>, Program> m_programs; ///< by input shapes
    std::vector<SlotInfo> m_slots;
    Formats m_formats;
    std::map<std::string, at::Tensor> m_parameters; ///< by slot path
    std::map<std::string, ParameterSource> m_sources;
};

/// A recorder for a network built from layers in code: `forward` takes the inputs' values and gives the outputs'.
QuantizedModule::Record recordLayers(std::function<std::vector<Value>(Builder&, const std::vector<Value>&)> forward);

} // namespace fxp::quant
