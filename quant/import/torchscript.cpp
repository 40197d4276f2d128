#include "quant/import/torchscript.h"

#include "quant/core/error.h"
#include "quant/import/missing_operators.h"
#include "quant/import/script_interpreter.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/serialization/import.h>

#include <filesystem>
#include <fstream>
#include <regex>

namespace fxp::quant {

namespace {

namespace jit = torch::jit;

std::string firstLine(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

/// A file that calls an operator unknown here cannot be read as it is; with a stand-in for that operator it can.
jit::Module load(const std::string& file) {
    registerMissingOperators();
    static const std::regex kUnknown(R"(Unknown builtin op: (aten::\w+))");
    constexpr int kMaxStandIns = 32;
    for (int attempt = 0;; ++attempt) {
        try {
            return jit::load(file, c10::Device(c10::kCPU));
        } catch (const std::exception& error) {
            const std::string text = error.what();
            std::smatch match;
            if (attempt < kMaxStandIns && std::regex_search(text, match, kUnknown)) {
                registerStandIn(match[1].str());
                continue;
            }
            throw Error(file, "cannot be read as TorchScript: " + firstLine(text),
                        "give a file written by torch.jit.save that is complete");
        }
    }
}

void requireFile(const std::string& file) {
    std::error_code error;
    if (!std::filesystem::exists(file, error))
        throw Error(file, "there is no such file", "check the path");
    if (!std::filesystem::is_regular_file(file, error))
        throw Error(file, "is not a file", "give a model file");
    std::ifstream stream(file, std::ios::binary);
    char magic[4] = {};
    if (!stream.read(magic, 4))
        throw Error(file, "is empty or cannot be read", "give a model file");
    if (std::string_view(magic, 2) != "PK")
        throw Error(file, "is not a TorchScript archive (a zip file)", "save the model with torch.jit.save");
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

/// The constants that lie in the parameters' storages.
std::map<ValueId, ParameterSource> sourcesOf(const Program& program, const NamedTensors& parameters) {
    std::map<const void*, const std::pair<std::string, at::Tensor>*> byStorage;
    for (const auto& parameter : parameters) {
        if (parameter.second.has_storage())
            byStorage.try_emplace(parameter.second.storage().unsafeGetStorageImpl(), &parameter);
    }
    std::map<ValueId, ParameterSource> sources;
    for (const auto& [id, tensor] : program.constants) {
        if (!tensor.defined() || !tensor.has_storage())
            continue;
        const auto found = byStorage.find(tensor.storage().unsafeGetStorageImpl());
        if (found == byStorage.end() || !found->second->second.is_contiguous())
            continue;
        sources.emplace(id, ParameterSource{found->second->first, tensor.sizes().vec(), tensor.strides().vec(),
                                            tensor.storage_offset() - found->second->second.storage_offset()});
    }
    return sources;
}

class TorchScriptNetwork final : public Network {
  public:
    explicit TorchScriptNetwork(const std::string& file) : m_file(file), m_module(load(file)) {
        m_module.eval();
        if (!m_module.find_method("forward"))
            throw Error(file, "has no forward method", "save the whole model, not a part of it");
        readModules();
        readArguments();
    }

    const std::vector<ModuleInfo>& modules() const override { return m_modules; }
    const std::vector<ArgumentInfo>& arguments() const override { return m_arguments; }
    Recording record(const std::vector<std::optional<at::IValue>>& arguments) override;
    NamedTensors parameters() const override { return namedTensors(m_module); }
    void setFolded(const std::set<std::string>& norms) override { m_folded = norms; }

  private:
    void readModules();
    void readArguments();
    at::IValue argument(std::size_t index, const std::optional<at::IValue>& given) const;

    std::string m_file;
    jit::Module m_module;
    std::vector<ModuleInfo> m_modules;
    std::vector<ArgumentInfo> m_arguments;
    std::set<std::string> m_folded;
};

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
    const auto& schema = m_module.get_method("forward").function().getSchema();
    for (std::size_t i = 1; i < schema.arguments().size(); ++i) {
        const c10::Argument& argument = schema.arguments()[i];
        m_arguments.push_back({argument.name(), kindOf(argument.type()), argument.default_value().has_value()});
    }
}

at::IValue TorchScriptNetwork::argument(std::size_t index, const std::optional<at::IValue>& given) const {
    const c10::Argument& argument = m_module.get_method("forward").function().getSchema().arguments()[index + 1];
    if (given)
        return *given;
    if (argument.default_value())
        return *argument.default_value();
    throw Error(argument.name(), "the model's input is missing", "add it to the inputs, by that name");
}

Recording TorchScriptNetwork::record(const std::vector<std::optional<at::IValue>>& arguments) {
    const c10::InferenceMode inference(false);
    const at::NoGradGuard noGrad;
    Builder builder;
    OperatorRecorder recorder(builder);
    recorder.setFolded(m_folded);
    std::vector<at::IValue> stack;
    for (std::size_t i = 0; i < m_arguments.size(); ++i) {
        at::IValue value = argument(i, i < arguments.size() ? arguments[i] : std::nullopt);
        if (value.isTensor() && value.toTensor().defined()) {
            // A tensor of the recording's own: the model may write to its input.
            const Value input = builder.input(value.toTensor());
            value = value.toTensor().clone();
            recorder.bind(value.toTensor(), input);
        }
        stack.push_back(std::move(value));
    }
    // A copy, because a model may write to its parameters and buffers in place, and every run starts from the file's.
    jit::Module module = m_module.deepcopy();
    ModuleNotes notes;
    ScriptInterpreter interpreter(module, recorder, notes);
    const at::IValue result = interpreter.run(std::move(stack));
    for (ModuleInfo& info : m_modules) {
        const auto note = notes.find(info.path);
        info.note = note == notes.end() ? std::string() : note->second;
    }

    std::vector<Value> outputs;
    const std::function<void(const at::IValue&)> collect = [&](const at::IValue& value) {
        if (value.isTensor()) {
            outputs.push_back(recorder.valueOf(value.toTensor()));
        } else if (value.isTuple()) {
            for (const at::IValue& element : value.toTupleRef().elements())
                collect(element);
        } else if (value.isList()) {
            for (const at::IValue& element : value.toListRef())
                collect(element);
        } else if (value.isGenericDict()) {
            for (const auto& entry : value.toGenericDict())
                collect(entry.value());
        }
    };
    collect(result);
    if (outputs.empty())
        throw Error(m_file, "the model returns no tensor", "give a model whose forward returns tensors");
    Recording recording;
    recording.program = builder.finish(outputs);
    recording.values = builder.tensors();
    recording.sources = sourcesOf(recording.program, namedTensors(module));
    return recording;
}

} // namespace

std::string plainClassName(const std::string& qualifiedName) {
    static const std::regex kNoise(R"(^__torch__\.|\b___torch_mangle_\d+\.)");
    std::string name = std::regex_replace(qualifiedName, kNoise, "");
    const std::string modules = "torch.nn.modules.";
    if (name.starts_with(modules))
        name = "torch.nn." + name.substr(modules.size());
    return name;
}

std::unique_ptr<Network> openTorchScript(const std::string& file) {
    requireFile(file);
    return std::make_unique<TorchScriptNetwork>(file);
}

} // namespace fxp::quant
