#include "quant/import/allowed_operators.h"

#include "quant/core/error.h"
#include "quant/import/missing_operators.h"
#include "quant/import/source_lines.h"

#include <ATen/core/class_type.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <unordered_set>

namespace fxp::quant {

namespace {

namespace jit = torch::jit;

/// Data, and nothing that stands for a thing outside the program: no stream, storage, future, capsule or object.
bool isData(const c10::Type& type) {
    switch (type.kind()) {
    case c10::TypeKind::TensorType:
    case c10::TypeKind::NumberType:
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::ComplexType:
    case c10::TypeKind::BoolType:
    case c10::TypeKind::StringType:
    case c10::TypeKind::NoneType:
    case c10::TypeKind::DeviceObjType:
    case c10::TypeKind::ScalarTypeType:
    case c10::TypeKind::LayoutType:
    case c10::TypeKind::MemoryFormatType:
    case c10::TypeKind::QSchemeType:
    case c10::TypeKind::GeneratorType:
    case c10::TypeKind::EnumType:
    case c10::TypeKind::AnyEnumType:
    case c10::TypeKind::VarType:
    case c10::TypeKind::AnyType:
    case c10::TypeKind::AnyListType:
    case c10::TypeKind::AnyTupleType: return true;
    case c10::TypeKind::OptionalType:
    case c10::TypeKind::ListType:
    case c10::TypeKind::DictType:
    case c10::TypeKind::TupleType:
    case c10::TypeKind::UnionType:
        return std::ranges::all_of(type.containedTypes(), [](const auto& inner) { return isData(*inner); });
    default: return false;
    }
}

/// Of LibTorch's own operators on data, those that do more than compute: files, the state of the whole process,
/// gradients, other devices' libraries, and parts of other operators that trust their arguments.
bool isExcluded(std::string_view name) {
    constexpr std::array kNames{"from_file",  "save",        "load",          "manual_seed", "seed", "get_gradients",
                                "grad",       "backward",    "set_data",      "retain_grad", "warn", "is_pinned",
                                "pin_memory", "_pin_memory", "record_stream", "cuda"};
    constexpr std::array kParts{"_backward", "cudnn",  "miopen", "mkldnn", "mps_",         "_mps",
                                "vulkan",    "_cufft", "_cuda",  "_test_", "_nested_view", "tensor_unsafe"};
    return std::ranges::find(kNames, name) != kNames.end() ||
           std::ranges::any_of(kParts, [&](const char* part) { return name.find(part) != std::string_view::npos; });
}

/// The pure ones among those that take any number of arguments.
bool isPureVararg(const std::string& name) {
    constexpr std::array kNames{"aten::format",   "aten::percentFormat", "aten::has_torch_function",
                                "aten::einsum",   "prim::tolist",        "prim::TupleUnpack",
                                "prim::VarStack", "prim::VarConcat",     "prim::ConstantChunk"};
    return std::ranges::find(kNames, name) != kNames.end() || isStandIn(name);
}

/// What the interpreter of TorchScript does itself, or leaves out: nothing that a model prints reaches the terminal.
bool isConstruct(c10::Symbol kind) {
    switch (kind) {
    case c10::prim::Constant:
    case c10::prim::GetAttr:
    case c10::prim::SetAttr:
    case c10::prim::CallMethod:
    case c10::prim::CallFunction:
    case c10::prim::If:
    case c10::prim::Loop:
    case c10::prim::RaiseException:
    case c10::prim::ListConstruct:
    case c10::prim::TupleConstruct:
    case c10::prim::DictConstruct:
    case c10::prim::ListUnpack:
    case c10::prim::TupleUnpack:
    case c10::prim::CreateObject:
    case c10::prim::Enter:
    case c10::prim::Exit:
    case c10::prim::unchecked_cast:
    case c10::prim::Uninitialized:
    case c10::prim::isinstance: return true;
    default: return false;
    }
}

class GraphCheck {
  public:
    GraphCheck(const jit::Module& module, const std::string& file, CheckedCode code) : m_file(file), m_code(code) {
        for (const auto& named : module.named_modules())
            m_paths.try_emplace(named.value._ivalue()->type().get(), named.name);
    }

    void check(jit::Function& function, const c10::Type* owner) {
        if (!m_seen.insert(&function).second)
            return;
        const auto path = m_paths.find(owner);
        m_path = path == m_paths.end() || path->second.empty() ? "the model" : path->second;
        if (!function.isGraphFunction())
            refuse(function.qualname().qualifiedName(), "");
        function.ensure_defined();
        check(*jit::toGraphFunction(function).graph()->block());
    }

  private:
    [[noreturn]] void refuse(const std::string& name, const std::string& source) const {
        throw Error(m_file,
                    m_path + " calls " + name + (source.empty() ? "" : " (" + source + ")") +
                        ", which is not an operator that only computes on tensors and numbers",
                    "export the model without it");
    }

    void check(const jit::Block& block) {
        for (const jit::Node* node : block.nodes()) {
            if (!isPure(*node))
                refuse(node->kind().toQualString(), sourceLineOf(*node).text);
            for (const jit::Block* inner : node->blocks())
                check(*inner);
        }
    }

    bool isPure(const jit::Node& node) {
        if (node.kind() == c10::prim::CallMethod) {
            const auto type = node.input(0)->type()->cast<c10::ClassType>();
            jit::Function* method = type ? type->findMethod(node.s(c10::attr::name)) : nullptr;
            if (method && !method->isGraphFunction())
                refuse(method->qualname().qualifiedName(), sourceLineOf(node).text);
        }
        if (isConstruct(node.kind()))
            return true;
        if (isLeftOut(node.kind()))
            return m_code == CheckedCode::All; // the interpreter leaves them out, LibTorch's does not
        const c10::FunctionSchema* schema = node.maybeSchema();
        return schema && isPureOperator(*schema);
    }

    const std::string& m_file;
    CheckedCode m_code;
    std::map<const c10::Type*, std::string> m_paths;
    std::unordered_set<const jit::Function*> m_seen;
    std::string m_path;
};

} // namespace

bool isLeftOut(c10::Symbol kind) {
    static const c10::Symbol gradients = c10::Symbol::aten("set_grad_enabled");
    return kind == c10::prim::Print || kind == c10::aten::warn || kind == gradients;
}

bool isPureOperator(const c10::FunctionSchema& schema) {
    const std::string_view name = schema.name();
    if (!name.starts_with("aten::") && !name.starts_with("prim::"))
        return false;
    if (schema.is_vararg() || schema.is_varret())
        return isPureVararg(schema.name());
    const auto isDatum = [](const c10::Argument& argument) { return isData(*argument.type()); };
    return (name.starts_with("prim::") || !isExcluded(name.substr(6))) &&
           std::ranges::all_of(schema.arguments(), isDatum) && std::ranges::all_of(schema.returns(), isDatum);
}

void requirePureOperators(const jit::Module& module, const std::string& file, CheckedCode code) {
    GraphCheck check(module, file, code);
    const auto unit = module._ivalue()->compilation_unit();
    // Every function that the file defines, methods included, is the compilation unit's.
    std::map<const jit::Function*, const c10::Type*> owners;
    for (const jit::Module& one : module.modules()) {
        for (jit::Function* method : one._ivalue()->type()->methods())
            owners.try_emplace(method, one._ivalue()->type().get());
    }
    for (jit::Function* function : unit->get_functions()) {
        if (code == CheckedCode::WhileLoading && function->name() != "__setstate__")
            continue;
        const auto owner = owners.find(function);
        check.check(*function, owner == owners.end() ? nullptr : owner->second);
    }
}

} // namespace fxp::quant
