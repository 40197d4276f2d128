#include "quant/import/exported_network.h"

#include "quant/core/error.h"
#include "quant/import/export_interpreter.h"
#include "quant/import/exported_archive.h"
#include "quant/import/exported_modules.h"
#include "quant/import/half.h"
#include "quant/import/missing_operators.h"
#include "quant/import/model_state.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <map>
#include <unordered_set>

namespace fxp::quant {

namespace {

ArgumentInfo::Kind kindOf(const ExportedInput& input) {
    if (input.isTensor)
        return ArgumentInfo::Kind::Tensor;
    if (!input.isFixed || input.value.value.isInt()) // a size
        return ArgumentInfo::Kind::Integer;
    if (input.value.value.isDouble())
        return ArgumentInfo::Kind::Real;
    return input.value.value.isBool() ? ArgumentInfo::Kind::Boolean : ArgumentInfo::Kind::Other;
}

bool isSame(const at::IValue& a, const at::IValue& b) {
    const auto number = [](const at::IValue& value) {
        return value.isInt()      ? std::optional(static_cast<double>(value.toInt()))
               : value.isDouble() ? std::optional(value.toDouble())
               : value.isBool()   ? std::optional(static_cast<double>(value.toBool()))
                                  : std::nullopt;
    };
    return number(a) && number(a) == number(b);
}

std::string shapeText(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t size : shape)
        text += (text.empty() ? "" : ", ") + (size < 0 ? std::string("any") : std::to_string(size));
    return "[" + text + "]";
}

ArgumentInfo argumentOf(const ExportedInput& input) {
    static const std::map<ArgumentInfo::Kind, const char*> kTypes{{ArgumentInfo::Kind::Tensor, "Tensor"},
                                                                  {ArgumentInfo::Kind::Integer, "int"},
                                                                  {ArgumentInfo::Kind::Real, "float"},
                                                                  {ArgumentInfo::Kind::Boolean, "bool"},
                                                                  {ArgumentInfo::Kind::Other, "other"}};
    const ArgumentInfo::Kind kind = kindOf(input);
    return {input.target, kind, input.isFixed, kTypes.at(kind), {}, input.shape};
}

class ExportedNetwork final : public Network {
  public:
    explicit ExportedNetwork(const std::string& file) : m_file(file) {
        registerMissingOperators();
        ExportedArchive archive = readExportedArchive(file);
        m_program = std::move(archive.program);
        for (auto* tensors : {&archive.weights, &archive.constants}) {
            for (auto& [name, tensor] : *tensors) {
                if (isHalf(tensor.scalar_type()))
                    tensor = tensor.to(at::kFloat);
                if (m_weights.try_emplace(name, tensor).second)
                    m_parameters.emplace_back(name, tensor);
            }
        }
        for (const ExportedInput& input : m_program.inputs) {
            const bool isStored = input.kind != ExportedInput::Kind::User && input.kind != ExportedInput::Kind::Ignored;
            if (isStored && !m_weights.contains(input.target))
                throw Error(file, "has no tensor " + input.target, "give a file that is complete");
        }
        m_calls = findCalls(m_program.graph, file);
        m_modules = exportedModules(m_program, m_calls, m_parameters);
        m_leaves = leavesOf(m_modules);
        m_missing = missingTargets(m_program.graph);
        for (const ExportedInput& input : m_program.inputs) {
            if (input.kind == ExportedInput::Kind::User)
                m_arguments.push_back(argumentOf(input));
        }
    }

    const std::vector<ModuleInfo>& modules() const override { return m_modules; }
    const std::vector<ArgumentInfo>& arguments() const override { return m_arguments; }
    Recording record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop) override;
    NamedTensors parameters() const override { return m_parameters; }
    void setFolded(const std::set<std::string>& norms) override { m_folded = norms; }
    void refuseLayer(const std::string& path) override { m_refused.insert(path); }

  private:
    using Values = ExportInterpreter::Values;
    void give(const ExportedInput& input, const std::optional<at::IValue>& given, OperatorRecorder& recorder,
              Values& values) const;
    void checkShape(const ExportedInput& input, const at::Tensor& tensor) const;
    void requireOperators() const;
    std::string otherSamples(const std::vector<std::optional<at::IValue>>& arguments) const;

    std::string m_file;
    ExportedProgram m_program;
    ExportedCall m_calls;
    std::map<std::string, at::Tensor> m_weights;
    NamedTensors m_parameters;
    std::vector<ModuleInfo> m_modules;
    std::vector<ArgumentInfo> m_arguments;
    std::set<std::string> m_leaves, m_folded, m_refused;
    std::vector<std::string> m_missing;
};

void ExportedNetwork::requireOperators() const {
    if (m_missing.empty())
        return;
    std::string list;
    for (const std::string& one : m_missing)
        list += (list.empty() ? "" : ", ") + one;
    throw Error(m_file, "needs operators that this build does not have: " + list,
                "export the model without them; its modules and weights can be looked at all the same");
}

/// The number of samples may be another than the export's: whether the graph allows it is seen when it runs.
void ExportedNetwork::checkShape(const ExportedInput& input, const at::Tensor& tensor) const {
    if (!input.shape)
        return;
    const auto& wanted = *input.shape;
    bool fits = static_cast<std::int64_t>(wanted.size()) == tensor.dim();
    for (std::size_t i = 1; fits && i < wanted.size(); ++i)
        fits = wanted[i] < 0 || wanted[i] == tensor.size(static_cast<std::int64_t>(i));
    if (!fits)
        throw Error(input.target,
                    "has the shape " + shapeText(tensor.sizes().vec()) + ", and the model was exported for " +
                        shapeText(wanted),
                    "give inputs of that shape, or export the model with dynamic_shapes");
}

/// How many samples the model was exported for, where the file fixes that and there are others now; else empty.
std::string ExportedNetwork::otherSamples(const std::vector<std::optional<at::IValue>>& arguments) const {
    for (std::size_t i = 0; i < m_arguments.size() && i < arguments.size(); ++i) {
        const auto& shape = m_arguments[i].shape;
        if (shape && !shape->empty() && shape->front() >= 0 && arguments[i] && arguments[i]->isTensor() &&
            arguments[i]->toTensor().dim() > 0 && arguments[i]->toTensor().size(0) != shape->front())
            return std::to_string(shape->front());
    }
    return {};
}

void ExportedNetwork::give(const ExportedInput& input, const std::optional<at::IValue>& given,
                           OperatorRecorder& recorder, Values& values) const {
    if (input.isFixed) {
        if (given && !isSame(*given, input.value.value))
            throw Error(input.target, "was fixed when the model was exported, and cannot be another value now",
                        "leave it out of the inputs, or export the model anew");
        return;
    }
    if (!given)
        throw Error(input.target, "the model's input is missing", "add it to the inputs, by that name");
    if (!given->isTensor()) {
        values[input.name] = *given;
        return;
    }
    const at::Tensor& tensor = given->toTensor();
    checkShape(input, tensor);
    // A tensor of the recording's own: the model may write to its input.
    const Value value = recorder.builder().input(tensor);
    at::Tensor own = tensor.clone();
    recorder.aliases().bind(own, value);
    values[input.name] = own;
}

Recording ExportedNetwork::record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop) {
    requireOperators();
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
    StateGuard guard;
    recorder.setBeforeWrite([&guard](const at::Tensor& tensor) { guard.beforeWrite(tensor); });

    Values values;
    std::size_t user = 0;
    for (const ExportedInput& input : m_program.inputs) {
        if (input.kind == ExportedInput::Kind::User) {
            give(input, user < arguments.size() ? arguments[user] : std::nullopt, recorder, values);
            ++user;
        } else if (input.kind != ExportedInput::Kind::Ignored) {
            const at::Tensor& tensor = m_weights.at(input.target);
            values[input.name] = tensor;
            recorder.aliases().setName(tensor, input.target.substr(input.target.rfind('.') + 1));
        }
    }
    ModuleRecognizer modules(recorder);
    StepBudget budget(stop);
    ExportInterpreter interpreter(m_weights, m_leaves, recorder, modules, budget);
    try {
        interpreter.run(m_program.graph, m_calls, values);
    } catch (const Error& error) {
        const std::string samples = otherSamples(arguments);
        throw samples.empty() ? error
                              : Error(error.where, error.problem,
                                      "the model was exported for " + samples +
                                          " samples at a time: give as many, or export it with dynamic_shapes");
    }
    for (ModuleInfo& info : m_modules) {
        const auto note = modules.notes().find(info.path);
        info.note = note == modules.notes().end() ? std::string() : note->second;
    }

    std::vector<Value> outputs;
    for (const ExportedArgument& output : m_program.outputs)
        collectTensors(ExportInterpreter::resolve(output, values),
                       [&](const at::Tensor& tensor) { outputs.push_back(recorder.valueOf(tensor)); });
    guard.detach(builder);
    Builder::Finished finished = builder.finish(outputs);
    Recording recording;
    recording.sources = sourcesOf(finished.program, m_parameters);
    recording.proofs = recognition.proofs(finished);
    recording.program = std::move(finished.program);
    recording.values = std::move(finished.values);
    return recording;
}

} // namespace

std::unique_ptr<Network> openExportedProgram(const std::string& file) {
    return std::make_unique<ExportedNetwork>(file);
}

} // namespace fxp::quant
