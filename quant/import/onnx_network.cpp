#include "quant/import/onnx_network.h"

#include "quant/core/error.h"
#include "quant/import/missing_operators.h"
#include "quant/import/model_state.h"
#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/interpreter.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <set>
#include <unordered_set>

namespace fxp::quant {

namespace {

class OnnxNetwork final : public Network {
  public:
    explicit OnnxNetwork(const std::string& file) : m_model(file), m_modules(m_model.modules()) {
        for (const onnx_import::ModelInput& input : m_model.inputs())
            m_arguments.push_back({input.name,
                                   ArgumentInfo::Kind::Tensor,
                                   false,
                                   "Tensor",
                                   {},
                                   input.shape,
                                   !onnx_import::isFloat(input.type)});
    }

    const std::vector<ModuleInfo>& modules() const override { return m_modules; }
    const std::vector<ArgumentInfo>& arguments() const override { return m_arguments; }
    std::vector<std::string> results() const override {
        return std::vector<std::string>(static_cast<std::size_t>(m_model.outputCount()), "Tensor");
    }
    Recording record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop) override;
    NamedTensors parameters() const override { return m_model.parameters(); }
    void setFolded(const std::set<std::string>& norms) override { m_folded = norms; }
    std::map<std::string, QType> formats() const override { return m_formats; }
    void refuseLayer(const std::string& path) override { m_refused.insert(path); }

  private:
    onnx_import::Item input(std::size_t index, const std::optional<at::IValue>& given,
                            OperatorRecorder& recorder) const;

    onnx_import::Model m_model;
    std::vector<ModuleInfo> m_modules;
    std::vector<ArgumentInfo> m_arguments;
    std::map<std::string, QType> m_formats;
    std::set<std::string> m_folded, m_refused;
};

/// The input in the type that the model takes: files of samples have fewer.
onnx_import::Item OnnxNetwork::input(std::size_t index, const std::optional<at::IValue>& given,
                                     OperatorRecorder& recorder) const {
    const onnx_import::ModelInput& wanted = m_model.inputs()[index];
    if (!given)
        throw Error(wanted.name, "the model's input is missing", "add it to the inputs, by that name");
    const at::Tensor tensor = given->isTensor() ? given->toTensor() : at::scalar_tensor(given->toScalar());
    const Value value = recorder.builder().input(tensor);
    at::Tensor own = tensor.clone();
    recorder.aliases().bind(own, value);
    const c10::ScalarType type = onnx_import::storageOf(wanted.type);
    if (tensor.scalar_type() != type) {
        const Value cast =
            recorder.builder().call("aten::to.dtype", {value, static_cast<std::int64_t>(type), false, false});
        own = recorder.builder().tensor(cast).alias();
        recorder.aliases().bind(own, cast);
    }
    return {own, wanted.type, nullptr};
}

Recording OnnxNetwork::record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop) {
    const c10::InferenceMode inference(false);
    const at::NoGradGuard noGrad;
    Builder builder;
    Recognition recognition(builder, stop);
    recognition.setRefused(m_refused);
    OperatorRecorder recorder(builder, recognition);
    recorder.setFolded(m_folded);
    std::unordered_set<std::string> paths;
    for (const ModuleInfo& info : m_modules)
        paths.insert(info.path);
    recorder.paths().setModules(std::move(paths));

    std::vector<onnx_import::Item> inputs;
    for (std::size_t i = 0; i < m_arguments.size(); ++i)
        inputs.push_back(input(i, i < arguments.size() ? arguments[i] : std::nullopt, recorder));
    ModuleRecognizer modules(recorder);
    onnx_import::Interpreter interpreter(m_model, recorder, modules, stop);
    const std::vector<onnx_import::Item> results = interpreter.run(inputs);
    for (ModuleInfo& info : m_modules) {
        const auto note = modules.notes().find(info.path);
        info.note = note == modules.notes().end() ? std::string() : note->second;
    }
    std::vector<Value> outputs;
    for (const onnx_import::Item& result : results) {
        if (!result.tensor.defined())
            throw Error("outputs", "one is a sequence, and not a tensor",
                        "export the model with tensors as its outputs");
        outputs.push_back(recorder.valueOf(result.tensor));
    }
    Builder::Finished finished = builder.finish(outputs);
    std::vector<const ::onnx::NodeProto*> unplaced;
    m_formats = onnx_import::placeFormats(finished, interpreter.formats(), unplaced);
    if (!unplaced.empty()) { // anew, with these quantizers as operators; each time fewer are left
        for (const ::onnx::NodeProto* node : unplaced)
            m_model.keepArithmetic(node);
        return record(arguments, stop);
    }
    Recording recording;
    recording.sources = sourcesOf(finished.program, m_model.parameters());
    recording.proofs = recognition.proofs(finished);
    recording.program = std::move(finished.program);
    recording.values = std::move(finished.values);
    return recording;
}

} // namespace

std::unique_ptr<Network> openOnnx(const std::string& file) {
    registerMissingOperators();
    return std::make_unique<OnnxNetwork>(file);
}

} // namespace fxp::quant
