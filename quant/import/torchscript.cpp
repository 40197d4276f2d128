#include "quant/import/torchscript.h"

#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/import/allowed_operators.h"
#include "quant/import/class_names.h"
#include "quant/import/half.h"
#include "quant/import/loaded_code.h"
#include "quant/import/missing_operators.h"
#include "quant/import/model_state.h"
#include "quant/import/script_interpreter.h"
#include "quant/import/source_lines.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <map>
#include <unordered_set>

namespace fxp::quant {

namespace {

namespace jit = torch::jit;

/// The first line that is not empty.
std::string firstLine(const std::string& text) {
    const std::size_t begin = std::min(text.find_first_not_of(" \n\r\t"), text.size());
    return text.substr(begin, text.find('\n', begin) - begin);
}

/// The name of the operator that LibTorch's message calls unknown; empty for other messages.
std::string unknownOperator(const std::string& message) {
    const std::string says = "Unknown builtin op: ";
    const std::size_t begin = message.find(says);
    if (begin == std::string::npos)
        return {};
    const std::size_t name = begin + says.size();
    std::size_t end = name;
    while (end < message.size() &&
           (std::isalnum(static_cast<unsigned char>(message[end])) || message[end] == '_' || message[end] == ':'))
        ++end;
    const std::string found = message.substr(name, end - name);
    return found.starts_with("aten::") ? found : std::string();
}

/// A file as LibTorch's loader reads it: each piece when it needs it, so that it can be stopped between two.
class StoppableFile final : public caffe2::serialize::ReadAdapterInterface {
  public:
    StoppableFile(const std::string& file, StopRequest stop) : m_file(file), m_stop(std::move(stop)) {}

    std::size_t size() const override { return static_cast<std::size_t>(m_file.size()); }
    /// Fewer bytes than asked for end the loader: no exception crosses the zip reader, which is C.
    std::size_t read(std::uint64_t position, void* into, std::size_t count, const char* /*what*/) const override {
        m_stopped = m_stopped || (m_stop && m_stop());
        return m_stopped ? 0 : m_file.readAt(position, {static_cast<std::byte*>(into), count});
    }
    bool isStopped() const { return m_stopped; }

  private:
    RegularFile m_file;
    StopRequest m_stop;
    mutable bool m_stopped = false;
};

/// A file that calls an unknown operator cannot be read as it is, but it can once a stand-in for that operator is
/// registered.
jit::Module load(const std::string& file, const StopRequest& stop, LoadedCode code) {
    registerMissingOperators();
    constexpr int kMaxStandIns = 32;
    for (int attempt = 0;; ++attempt) {
        const auto reader = std::make_shared<StoppableFile>(file, stop);
        try {
            if (code == LoadedCode::Refused && attempt == 0)
                refuseLoadedCode(reader, file);
            jit::Module module = jit::load(reader, c10::Device(c10::kCPU));
            stopHere(stop);
            requirePureOperators(module, file, CheckedCode::WhileLoading);
            return module;
        } catch (const Error&) {
            throw;
        } catch (const std::exception& error) {
            if (reader->isStopped())
                throw Stopped();
            const std::string text = error.what();
            const std::string unknown = unknownOperator(text);
            if (attempt < kMaxStandIns && !unknown.empty()) {
                registerStandIn(unknown);
                continue;
            }
            if (text.find("required keyword attribute 'value' is undefined") != std::string::npos)
                throw Error(file,
                            "was saved after torch.jit.optimize_for_inference, which leaves weights out of the file",
                            "save the model as it is, or after torch.jit.freeze");
            throw Error(file, "cannot be read as TorchScript: " + firstLine(text),
                        "give a file written by torch.jit.save that is complete");
        }
    }
}

ArgumentInfo::Kind kindOf(const c10::TypePtr& type) {
    const c10::TypePtr inner =
        type->cast<c10::OptionalType>() ? type->expectRef<c10::OptionalType>().getElementType() : type;
    switch (inner->kind()) {
    case c10::TypeKind::TensorType: return ArgumentInfo::Kind::Tensor;
    case c10::TypeKind::IntType: return ArgumentInfo::Kind::Integer;
    case c10::TypeKind::FloatType: return ArgumentInfo::Kind::Real;
    case c10::TypeKind::BoolType: return ArgumentInfo::Kind::Boolean;
    default: return ArgumentInfo::Kind::Other;
    }
}

NamedTensors namedTensors(const jit::Module& module) {
    NamedTensors tensors;
    for (const auto& named : module.named_attributes(true)) {
        if (named.value.isTensor() && named.value.toTensor().defined())
            tensors.emplace_back(named.name, named.value.toTensor());
    }
    return tensors;
}

/// `decode, encode and score`.
std::string listOf(const std::vector<std::string>& names) {
    std::string text = names.front();
    for (std::size_t i = 1; i < names.size(); ++i)
        text += (i + 1 == names.size() ? " and " : ", ") + names[i];
    return text;
}

/// Weights of half precision become float32, because every model runs in float32.
void toFloat(const jit::Module& module) {
    for (const jit::Module& one : module.modules()) {
        for (const auto& attribute : one.named_attributes(false)) {
            if (attribute.value.isTensor() && attribute.value.toTensor().defined() &&
                isHalf(attribute.value.toTensor().scalar_type()))
                one._ivalue()->setAttr(attribute.name, attribute.value.toTensor().detach().to(at::kFloat));
        }
    }
}

class TorchScriptNetwork final : public Network {
  public:
    TorchScriptNetwork(const std::string& file, const StopRequest& stop, const std::string& method, LoadedCode code,
                       StepBudget::Limits limits)
        : m_file(file), m_module(load(file, stop, code)), m_limits(limits) {
        noteTraining();
        m_module.eval();
        toFloat(m_module);
        chooseMethod(method);
        readLines();
        readModules();
        readArguments();
    }

    const std::vector<ModuleInfo>& modules() const override { return m_modules; }
    const std::vector<ArgumentInfo>& arguments() const override {
        requireMethod();
        return m_arguments;
    }
    std::vector<std::string> results() const override;
    Recording record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop) override;
    NamedTensors parameters() const override { return namedTensors(m_module); }
    void setFolded(const std::set<std::string>& norms) override { m_folded = norms; }
    void refuseLayer(const std::string& path) override { m_refused.insert(path); }

  private:
    void chooseMethod(const std::string& wanted);
    void requireMethod() const;
    void readLines() const;
    void noteTraining();
    void readModules();
    void readArguments();
    at::IValue argument(std::size_t index, const std::optional<at::IValue>& given) const;

    std::string m_file;
    jit::Module m_module;
    StepBudget::Limits m_limits;
    std::string m_method;               ///< empty where none was chosen among several
    std::vector<std::string> m_methods; ///< all that could run
    std::vector<ModuleInfo> m_modules;
    std::vector<ArgumentInfo> m_arguments;
    std::set<std::string> m_folded, m_refused;
    std::vector<std::string> m_notes; ///< of every recording
    bool m_isChecked = false;         ///< whether all operators are known to do nothing but compute
};

void TorchScriptNetwork::chooseMethod(const std::string& wanted) {
    for (const jit::Method& method : m_module.get_methods()) {
        if (!method.name().starts_with("_"))
            m_methods.push_back(method.name());
    }
    std::ranges::sort(m_methods);
    if (m_methods.empty())
        throw Error(m_file, "has no forward method, and no other", "save the whole model, not a part of it");
    const std::string name = wanted.empty() ? "forward" : wanted;
    if (std::ranges::find(m_methods, name) != m_methods.end())
        m_method = name;
    else if (!wanted.empty())
        throw Error(m_file, "has no method " + wanted, "it has " + listOf(m_methods));
    else if (m_methods.size() == 1) {
        m_method = m_methods[0];
        m_notes.push_back("the model has no forward method: " + m_method + ", its only one, is run");
    }
}

/// LibTorch reads the record of the source lines when the first one is asked for: here, where the file is checked.
void TorchScriptNetwork::readLines() const {
    for (jit::Function* function : m_module._ivalue()->compilation_unit()->get_functions()) {
        if (!function->isGraphFunction())
            continue;
        for (const jit::Node* node : jit::toGraphFunction(*function).graph()->nodes()) {
            if (!sourceLineOf(*node).text.empty())
                break;
        }
    }
}

void TorchScriptNetwork::requireMethod() const {
    if (m_method.empty())
        throw Error(m_file, "has no forward method, but the methods " + listOf(m_methods),
                    "say which one to run: --model-method " + m_methods[0]);
}

/// Batch norms and dropouts of a model that was saved while it was trained compute other values there.
void TorchScriptNetwork::noteTraining() {
    for (const auto& named : m_module.named_modules()) {
        const std::string name = plainClassName(named.value._ivalue()->type()->name()->qualifiedName());
        const bool differs = name.find("BatchNorm") != std::string::npos || name.find("Dropout") != std::string::npos ||
                             name.find("InstanceNorm") != std::string::npos;
        if (differs && named.value.hasattr("training") && named.value.is_training()) {
            m_notes.push_back(named.name +
                              ": was saved in training mode and runs in evaluation mode, as eval() sets it");
            return;
        }
    }
}

void TorchScriptNetwork::readModules() {
    for (const auto& named : m_module.named_modules()) {
        ModuleInfo info{named.name, plainClassName(named.value._ivalue()->type()->name()->qualifiedName()), 0, {}};
        for (const auto& attribute : named.value.named_attributes(false)) {
            if (attribute.value.isTensor() && attribute.value.toTensor().defined())
                info.parameters += attribute.value.toTensor().numel();
        }
        m_modules.push_back(std::move(info));
    }
}

void TorchScriptNetwork::readArguments() {
    if (m_method.empty())
        return;
    const auto& schema = m_module.get_method(m_method).function().getSchema();
    for (std::size_t i = 1; i < schema.arguments().size(); ++i) {
        const c10::Argument& argument = schema.arguments()[i];
        ArgumentInfo info{argument.name(),
                          kindOf(argument.type()),
                          argument.default_value().has_value(),
                          argument.type()->annotation_str(),
                          {}};
        if (info.optional)
            info.defaultValue = c10::str(*argument.default_value());
        m_arguments.push_back(std::move(info));
    }
}

std::vector<std::string> TorchScriptNetwork::results() const {
    std::vector<std::string> types;
    if (m_method.empty())
        return types;
    for (const c10::Argument& result : m_module.get_method(m_method).function().getSchema().returns()) {
        if (const auto tuple = result.type()->cast<c10::TupleType>()) {
            for (const c10::TypePtr& element : tuple->elements())
                types.push_back(element->annotation_str());
        } else {
            types.push_back(result.type()->annotation_str());
        }
    }
    return types;
}

at::IValue TorchScriptNetwork::argument(std::size_t index, const std::optional<at::IValue>& given) const {
    const c10::Argument& argument = m_module.get_method(m_method).function().getSchema().arguments()[index + 1];
    if (given)
        return *given;
    if (argument.default_value())
        return *argument.default_value();
    throw Error(argument.name(), "the model's input is missing", "add it to the inputs, by that name");
}

Recording TorchScriptNetwork::record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop) {
    requireMethod();
    if (!m_isChecked)
        requirePureOperators(m_module, m_file);
    m_isChecked = true;
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
    const NamedTensors state = namedTensors(m_module);
    StateGuard guard;
    recorder.setBeforeWrite([&guard](const at::Tensor& tensor) { guard.beforeWrite(tensor); });

    std::vector<at::IValue> stack;
    for (std::size_t i = 0; i < m_arguments.size(); ++i) {
        at::IValue value = argument(i, i < arguments.size() ? arguments[i] : std::nullopt);
        if (value.isTensor() && value.toTensor().defined()) {
            // A copy for the recording: the model may write to its input.
            const Value input = builder.input(value.toTensor());
            value = value.toTensor().clone();
            recorder.aliases().bind(value.toTensor(), input);
        }
        stack.push_back(std::move(value));
    }
    ModuleRecognizer modules(recorder);
    StepBudget budget(stop, m_limits);
    ScriptInterpreter interpreter(m_module, recorder, modules, budget);
    const at::IValue result = interpreter.run(m_method, std::move(stack));
    for (ModuleInfo& info : m_modules) {
        const auto note = modules.notes().find(info.path);
        info.note = note == modules.notes().end() ? std::string() : note->second;
    }

    std::vector<Value> outputs;
    collectTensors(result, [&](const at::Tensor& tensor) {
        outputs.push_back(recorder.placed("", "the result", [&] { return recorder.valueOf(tensor); }));
    });
    guard.detach(builder);
    Builder::Finished finished = builder.finish(outputs);
    Recording recording;
    recording.sources = sourcesOf(finished.program, state);
    recording.proofs = recognition.proofs(finished);
    recording.program = std::move(finished.program);
    recording.program.notes.insert(recording.program.notes.begin(), m_notes.begin(), m_notes.end());
    recording.values = std::move(finished.values);
    return recording;
}

} // namespace

std::unique_ptr<Network> openTorchScript(const std::string& file, const StopRequest& stop, const std::string& method,
                                         LoadedCode code, StepBudget::Limits limits) {
    return std::make_unique<TorchScriptNetwork>(file, stop, method, code, limits);
}

} // namespace fxp::quant
