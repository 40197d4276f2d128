#include "quant/import/exported_program.h"

#include "quant/import/class_names.h"
#include "quant/import/exported_operators.h"
#include "quant/import/json_access.h"
#include "quant/import/source_lines.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <set>

namespace fxp::quant {

namespace {

using Kind = ExportedArgument::Kind;

ExportedArgument valueOf(at::IValue value) {
    ExportedArgument argument;
    argument.value = std::move(value);
    return argument;
}

ExportedArgument nameOf(std::string name) {
    ExportedArgument argument;
    argument.kind = Kind::Name;
    argument.name = std::move(name);
    return argument;
}

/// Numbers that JSON has no form for are texts, as Python writes them.
double real(const JsonAccess& access, const Json& json) {
    if (json.is_number())
        return json.get<double>();
    const std::string& text = access.text(json);
    if (text == "Infinity" || text == "inf")
        return std::numeric_limits<double>::infinity();
    if (text == "-Infinity" || text == "-inf")
        return -std::numeric_limits<double>::infinity();
    if (text == "NaN" || text == "nan")
        return std::numeric_limits<double>::quiet_NaN();
    access.fail("has " + text.substr(0, 40) + " where a number should be");
}

class Parser {
  public:
    explicit Parser(const std::string& where) : m_access{where} {}

    ExportedGraph graph(const Json& json) const;
    ExportedArgument argument(const Json& json) const;
    ExportedInput input(const Json& spec) const;
    const JsonAccess& access() const { return m_access; }

  private:
    ExportedArgument listOf(const Json& json, const char* itemKey) const;
    ExportedNode node(const Json& json) const;

    JsonAccess m_access;
};

/// A list whose items are each wrapped as the argument of that key is.
ExportedArgument Parser::listOf(const Json& json, const char* itemKey) const {
    if (!json.is_array())
        m_access.fail("has no list where one should be");
    ExportedArgument list;
    list.kind = Kind::List;
    for (const Json& item : json)
        list.list.push_back(argument(itemKey ? Json{{itemKey, item}} : item));
    return list;
}

ExportedArgument Parser::argument(const Json& json) const {
    if (!json.is_object() || json.size() != 1)
        m_access.fail("has an argument that is not one value");
    const std::string& key = json.begin().key();
    const Json& value = json.begin().value();
    if (key == "as_none")
        return {};
    if (key == "as_tensor" || key == "as_custom_obj" || key == "as_token")
        return nameOf(m_access.text(value, "name"));
    if (key == "as_name")
        return nameOf(m_access.text(value));
    if (key == "as_int")
        return valueOf(m_access.integer(value));
    if (key == "as_float")
        return valueOf(real(m_access, value));
    if (key == "as_bool")
        return valueOf(m_access.flag(value));
    if (key == "as_string" || key == "as_operator")
        return valueOf(m_access.text(value));
    if (key == "as_tensors")
        return listOf(value, "as_tensor");
    if (key == "as_ints")
        return listOf(value, "as_int");
    if (key == "as_floats")
        return listOf(value, "as_float");
    if (key == "as_bools")
        return listOf(value, "as_bool");
    if (key == "as_strings")
        return listOf(value, "as_string");
    if (key == "as_sym_int" || key == "as_sym_float" || key == "as_sym_bool" || key == "as_optional_tensor")
        return argument(value);
    if (key == "as_sym_ints" || key == "as_sym_floats" || key == "as_sym_bools" || key == "as_optional_tensors")
        return listOf(value, nullptr);
    if (key == "as_int_lists")
        return listOf(value, "as_ints");
    if (key == "as_float_lists")
        return listOf(value, "as_floats");
    if (key == "as_nested_tensors")
        return listOf(value, "as_tensors");
    if (key == "as_scalar_type") {
        const auto type = exportedScalarType(m_access.integer(value));
        if (type)
            return valueOf(static_cast<std::int64_t>(*type));
    }
    if (key == "as_memory_format") {
        static constexpr std::int64_t kFormats[] = {
            1, 0, 2, 3, 1}; // unknown, contiguous, channels last, the same of 3 dimensions, preserve; as c10 has them
        const std::int64_t number = m_access.integer(value);
        if (number >= 0 && number < 5)
            return valueOf(kFormats[number]);
    }
    if (key == "as_layout" && m_access.integer(value) == 7)
        return valueOf(static_cast<std::int64_t>(c10::kStrided));
    if (key == "as_device")
        return valueOf(c10::Device(c10::kCPU)); // wherever the model was, it runs here
    if (key == "as_graph") {
        ExportedArgument inner;
        inner.kind = Kind::Graph;
        inner.graph = std::make_shared<ExportedGraph>(graph(m_access.member(value, "graph")));
        return inner;
    }
    ExportedArgument unknown;
    unknown.kind = Kind::Unsupported;
    unknown.name = key.substr(0, 40);
    return unknown;
}

/// `key,path,class;key,path,class`: the module calls that an operator stands in, the root's too, whose path is empty.
/// The path of a second call ends in `@1`. What has no path of a module (a wrapped function) is left out.
std::vector<ExportedFrame> framesOf(const std::string& text) {
    std::vector<ExportedFrame> frames;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(';', begin), text.size());
        const std::string part = text.substr(begin, end - begin);
        begin = end + 1;
        const std::size_t first = part.find(','), last = part.rfind(',');
        if (first == std::string::npos || first == last)
            continue;
        ExportedFrame frame{part.substr(0, first), part.substr(first + 1, last - first - 1),
                            plainClassName(part.substr(last + 1))};
        if (frame.path.starts_with("L['self']")) // as PyTorch 2.5 writes it in some modes
            frame.path.erase(0, std::min<std::size_t>(10, frame.path.size()));
        const std::size_t again = frame.path.find('@');
        if (again != std::string::npos) {
            frame.key += frame.path.substr(again);
            frame.path.resize(again);
        }
        const bool isPath = std::ranges::all_of(
            frame.path, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c >= 0x80; });
        if (isPath && !frame.path.starts_with("_empty_nn_module_stack"))
            frames.push_back(std::move(frame));
    }
    return frames;
}

/// `hardswish_1;function.hardswish`.
void readFunction(const std::string& text, ExportedNode& node) {
    const std::size_t end = text.find(';');
    if (end == std::string::npos)
        return;
    node.functionCall = text.substr(0, end);
    node.function = text.substr((text.rfind('.') == std::string::npos ? end : std::max(text.rfind('.'), end)) + 1);
}

ExportedNode Parser::node(const Json& json) const {
    ExportedNode node;
    node.target = m_access.text(json, "target");
    for (const Json& input : m_access.list(json, "inputs")) {
        const Json* name = m_access.find(input, "name");
        node.inputs.emplace_back(name ? m_access.text(*name) : std::string(), argument(m_access.member(input, "arg")));
    }
    for (const Json& output : m_access.list(json, "outputs"))
        node.outputs.push_back(argument(output));
    const Json* metadata = m_access.find(json, "metadata");
    if (!metadata)
        return node;
    if (const Json* text = m_access.find(*metadata, "nn_module_stack")) {
        node.stack = framesOf(m_access.text(*text));
        node.isPlaced = !node.stack.empty();
        std::erase_if(node.stack, [](const ExportedFrame& frame) { return frame.path.empty(); });
    }
    if (const Json* text = m_access.find(*metadata, "stack_trace"))
        node.source = sourceOfTraceback(m_access.text(*text));
    if (const Json* text = m_access.find(*metadata, "torch_fn"))
        readFunction(m_access.text(*text), node);
    return node;
}

ExportedGraph Parser::graph(const Json& json) const {
    ExportedGraph graph;
    for (const Json& input : m_access.list(json, "inputs"))
        graph.inputs.push_back(argument(input));
    for (const Json& output : m_access.list(json, "outputs"))
        graph.outputs.push_back(argument(output));
    for (const Json& item : m_access.list(json, "nodes"))
        graph.nodes.push_back(node(item));
    composeOperators(graph);
    return graph;
}

ExportedInput Parser::input(const Json& spec) const {
    if (!spec.is_object() || spec.size() != 1)
        m_access.fail("has an input that is not one thing");
    const std::string& key = spec.begin().key();
    const Json& value = spec.begin().value();
    ExportedInput input;
    const auto stored = [&](ExportedInput::Kind kind, const char* name) {
        input.kind = kind;
        input.name = m_access.text(m_access.member(value, "arg"), "name");
        input.target = m_access.text(value, name);
    };
    if (key == "parameter") {
        stored(ExportedInput::Kind::Parameter, "parameter_name");
    } else if (key == "buffer") {
        stored(ExportedInput::Kind::Buffer, "buffer_name");
    } else if (key == "tensor_constant") {
        stored(ExportedInput::Kind::Constant, "tensor_constant_name");
    } else if (key == "constant_input") {
        input.target = m_access.text(value, "name");
        input.value = argument(m_access.member(value, "value"));
        input.isFixed = true;
    } else if (key == "user_input") {
        const Json& arg = m_access.member(value, "arg");
        const ExportedArgument given = argument(arg);
        input.isTensor = arg.begin().key() == "as_tensor";
        if (given.kind == Kind::Name) {
            input.name = input.target = given.name;
        } else {
            input.value = given;
            input.isFixed = true;
        }
    } else if (key == "token") {
        input.kind = ExportedInput::Kind::Ignored;
    } else {
        m_access.fail("takes an object of its own (" + key.substr(0, 40) + "), which cannot be run here");
    }
    return input;
}

std::string rootClassOf(const Json& graph, const JsonAccess& access) {
    for (const Json& node : access.list(graph, "nodes")) {
        const Json* metadata = access.find(node, "metadata");
        const Json* stack = metadata ? access.find(*metadata, "nn_module_stack") : nullptr;
        if (!stack)
            continue;
        const std::vector<ExportedFrame> frames = framesOf(access.text(*stack));
        if (!frames.empty() && frames[0].path.empty())
            return frames[0].className;
    }
    return {};
}

/// The tensor's shape where the graph says it.
void describe(ExportedInput& input, const Json& graph, const JsonAccess& access) {
    const Json& values = access.member(graph, "tensor_values");
    const Json* meta = values.is_object() && values.contains(input.name) ? &values.at(input.name) : nullptr;
    if (!meta || !input.isTensor)
        return;
    std::vector<std::int64_t> shape;
    for (const Json& size : access.list(*meta, "sizes")) {
        const Json* number = access.find(size, "as_int");
        shape.push_back(number ? access.integer(*number) : -1);
    }
    input.shape = std::move(shape);
    const auto type = exportedScalarType(access.integer(access.member(*meta, "dtype")));
    input.scalarType = type ? static_cast<int>(*type) : -1;
}

/// The names of the forward method's arguments give those of the inputs, where each argument is one input.
void nameArguments(std::vector<ExportedInput>& inputs, const Json& calls, const JsonAccess& access) {
    for (const Json& call : calls) {
        const Json* signature = access.find(call, "signature");
        if (!access.text(call, "fqn").empty() || !signature)
            continue;
        const Json* names = access.find(*signature, "forward_arg_names");
        if (!names || !names->is_array())
            return;
        std::vector<ExportedInput*> users;
        for (ExportedInput& input : inputs) {
            if (input.kind == ExportedInput::Kind::User)
                users.push_back(&input);
        }
        if (users.size() != names->size())
            return;
        for (std::size_t i = 0; i < users.size(); ++i)
            users[i]->target = access.text((*names)[i]);
        return;
    }
}

} // namespace

std::optional<at::ScalarType> exportedScalarType(std::int64_t number) {
    switch (number) {
    case 1: return at::kByte;
    case 2: return at::kChar;
    case 3: return at::kShort;
    case 4: return at::kInt;
    case 5: return at::kLong;
    case 6: return at::kHalf;
    case 7: return at::kFloat;
    case 8: return at::kDouble;
    case 9: return at::kComplexHalf;
    case 10: return at::kComplexFloat;
    case 11: return at::kComplexDouble;
    case 12: return at::kBool;
    case 13: return at::kBFloat16;
    default: return std::nullopt;
    }
}

ExportedProgram parseExportedProgram(const Json& json, const std::string& where) {
    const Parser parser(where);
    const JsonAccess& access = parser.access();
    ExportedProgram program;
    if (const Json* version = access.find(json, "torch_version"))
        program.version = access.text(*version);
    const Json& module = access.member(json, "graph_module");
    const Json& graph = access.member(module, "graph");
    program.graph = parser.graph(graph);
    program.rootClass = rootClassOf(graph, access);
    const Json& signature = access.member(module, "signature");
    for (const Json& spec : access.list(signature, "input_specs")) {
        program.inputs.push_back(parser.input(spec));
        describe(program.inputs.back(), graph, access);
    }
    const Json& calls = access.list(module, "module_call_graph");
    nameArguments(program.inputs, calls, access);
    for (const Json& spec : access.list(signature, "output_specs")) {
        if (const Json* output = access.find(spec, "user_output"))
            program.outputs.push_back(parser.argument(access.member(*output, "arg")));
    }
    for (const Json& call : calls) {
        const std::string& path = access.text(call, "fqn");
        if (!path.empty() && path.find('@') == std::string::npos)
            program.modulePaths.push_back(path);
    }
    std::set<std::string> names;
    for (const ExportedInput& input : program.inputs) {
        if (!input.name.empty() && !names.insert(input.name).second)
            access.fail("has two inputs named " + input.name);
    }
    return program;
}

} // namespace fxp::quant
