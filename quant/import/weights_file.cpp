#include "quant/import/weights_file.h"

#include "quant/core/error.h"
#include "quant/engine/session_data.h"
#include "quant/import/container.h"
#include "quant/import/exported_modules.h"
#include "quant/import/model_state.h"
#include "quant/import/read_weights.h"
#include "quant/import/tensor_bytes.h"
#include "quant/import/torch_pickle.h"
#include "quant/io/safetensors.h"
#include "quant/layers/parameters.h"

#include <ATen/ATen.h>

#include <map>

namespace fxp::quant {

namespace {

/// Floats of every width become float32, in which everything is computed.
NamedTensors readTensors(const std::string& file) {
    NamedTensors tensors;
    if (containerOf(file) == Container::Safetensors) {
        NamedArrays arrays = readSafetensors(file);
        for (auto& [name, array] : arrays.items) {
            tensors.emplace_back(name, toTensor(array));
            array.bytes = {}; // large files would be in memory twice
        }
    } else {
        tensors = readTorchPickle(file);
        for (auto& [name, tensor] : tensors)
            tensor = tensor.is_floating_point() ? inFloat32(tensor, file + ", " + name) : tensor;
    }
    if (tensors.empty())
        throw Error(file, "holds no tensors", "save a state_dict: torch.save(model.state_dict(), file)");
    return tensors;
}

class WeightsNetwork final : public Network {
  public:
    explicit WeightsNetwork(const std::string& file)
        : m_parameters(readTensors(file)), m_modules(modulesOf(m_parameters)) {}

    const std::vector<ModuleInfo>& modules() const override { return m_modules; }
    const std::vector<ArgumentInfo>& arguments() const override { return m_arguments; }
    bool isWeightsOnly() const override { return true; }
    NamedTensors parameters() const override { return m_parameters; }
    Recording record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop) override;

  private:
    NamedTensors m_parameters;
    std::vector<ModuleInfo> m_modules;
    std::vector<ArgumentInfo> m_arguments;
};

Recording WeightsNetwork::record(const std::vector<std::optional<at::IValue>>&, const StopRequest& stop) {
    Builder builder;
    std::map<std::string, ParametersLayer> layers;
    std::vector<Value> outputs;
    for (const auto& [name, tensor] : m_parameters) {
        stopHere(stop);
        if (!tensor.is_floating_point() || tensor.numel() == 0)
            continue;
        const std::size_t dot = name.rfind('.');
        const std::string path = dot == std::string::npos ? "model" : name.substr(0, dot);
        ParametersLayer& layer = layers.try_emplace(path, path).first->second;
        outputs.push_back(layer.add(name.substr(dot + 1), builder.constant(tensor), builder));
    }
    for (const auto& [path, layer] : layers)
        layer.declare(builder);
    Builder::Finished finished = builder.finish(outputs);
    Recording recording;
    recording.sources = sourcesOf(finished.program, m_parameters);
    recording.program = std::move(finished.program);
    recording.values = std::move(finished.values);
    return recording;
}

} // namespace

NamedArrays readWeights(const std::string& file) {
    NamedArrays arrays;
    for (const auto& [name, tensor] : readTensors(file))
        arrays.items.emplace_back(name, toArray(tensor));
    return arrays;
}

std::unique_ptr<Network> openWeights(const std::string& file) {
    return std::make_unique<WeightsNetwork>(file);
}

} // namespace fxp::quant
