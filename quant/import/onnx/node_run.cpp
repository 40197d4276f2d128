#include "quant/import/onnx/node_run.h"

#include "quant/core/error.h"
#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/proto.h"
#include "quant/import/onnx/tensor_reader.h"
#include "quant/ops/aten_operator.h"

#include <ATen/ATen.h>
#include <ATen/core/function_schema.h>

#include <algorithm>

namespace fxp::quant::onnx_import {

NodeRun::NodeRun(const ::onnx::NodeProto& node, std::int64_t opset, std::vector<Item> inputs,
                 OperatorRecorder& recorder, OperatorScope& scope, RunGraph runGraph)
    : m_node(node), m_opset(opset), m_inputs(std::move(inputs)), m_recorder(recorder), m_scope(scope),
      m_runGraph(std::move(runGraph)) {}

void NodeRun::fail(const std::string& what, const std::string& hint) const {
    const std::string name = m_node.name().empty() ? std::string() : " (" + m_node.name() + ")";
    throw Error(m_scope.path, m_node.op_type() + name + ": " + what, hint);
}

const Item& NodeRun::item(std::size_t i) const {
    if (!has(i))
        fail("its input " + std::to_string(i) + " is missing");
    return m_inputs[i];
}

const at::Tensor& NodeRun::in(std::size_t i) const {
    const Item& found = item(i);
    if (!found.tensor.defined())
        fail("its input " + std::to_string(i) + " is a sequence, not a tensor");
    return found.tensor;
}

std::int64_t NodeRun::axis(std::int64_t value, std::int64_t rank) const {
    const std::int64_t found = value < 0 ? value + rank : value;
    if (found < 0 || found >= std::max<std::int64_t>(rank, 1))
        fail("the axis " + std::to_string(value) + " is not one of " + std::to_string(rank));
    return found;
}

const ::onnx::AttributeProto* NodeRun::find(std::string_view name) const {
    for (const auto& attribute : m_node.attribute()) {
        if (attribute.name() == name)
            return &attribute;
    }
    return nullptr;
}

std::int64_t NodeRun::integer(std::string_view name, std::int64_t otherwise) const {
    const auto* attribute = find(name);
    return attribute ? attribute->i() : otherwise;
}

double NodeRun::real(std::string_view name, double otherwise) const {
    const auto* attribute = find(name);
    return attribute ? static_cast<double>(attribute->f()) : otherwise;
}

std::string NodeRun::text(std::string_view name, std::string_view otherwise) const {
    const auto* attribute = find(name);
    return attribute ? attribute->s() : std::string(otherwise);
}

std::vector<std::int64_t> NodeRun::integers(std::string_view name, std::vector<std::int64_t> otherwise) const {
    const auto* attribute = find(name);
    return attribute ? std::vector<std::int64_t>(attribute->ints().begin(), attribute->ints().end()) : otherwise;
}

std::vector<double> NodeRun::reals(std::string_view name) const {
    const auto* attribute = find(name);
    return attribute ? std::vector<double>(attribute->floats().begin(), attribute->floats().end())
                     : std::vector<double>();
}

std::vector<std::string> NodeRun::texts(std::string_view name) const {
    const auto* attribute = find(name);
    return attribute ? std::vector<std::string>(attribute->strings().begin(), attribute->strings().end())
                     : std::vector<std::string>();
}

at::Tensor NodeRun::tensorAttribute(std::string_view name, std::int32_t* type) const {
    const auto* attribute = find(name);
    if (!attribute)
        return {};
    *type = attribute->t().data_type();
    return readTensor(attribute->t(), {});
}

std::vector<Item> NodeRun::runGraph(std::string_view attribute, std::vector<Item> inputs) {
    const auto* found = find(attribute);
    if (!found || !found->has_g())
        fail("has no graph `" + std::string(attribute) + "`");
    return m_runGraph(found->g(), std::move(inputs), false);
}

std::vector<Item> NodeRun::runBody(std::vector<Item> inputs) {
    const auto* found = find("body");
    if (!found || !found->has_g())
        fail("has no body");
    return m_runGraph(found->g(), std::move(inputs), true);
}

at::Tensor NodeRun::read(const at::Tensor& tensor) {
    if (isLive(tensor))
        m_recorder.builder().setDataDependent({m_recorder.valueOf(tensor)}, m_scope.path, m_node.op_type());
    return tensor;
}

std::vector<std::int64_t> NodeRun::integersOf(std::size_t i) {
    const at::Tensor values = read(in(i)).to(at::kLong).contiguous();
    const auto* first = values.data_ptr<std::int64_t>();
    return {first, first + values.numel()};
}

std::vector<double> NodeRun::realsOf(std::size_t i) {
    const at::Tensor values = read(in(i)).to(at::kDouble).contiguous();
    const auto* first = values.data_ptr<double>();
    return {first, first + values.numel()};
}

void NodeRun::nameParameter(const at::Tensor& tensor, const std::string& name) {
    if (!isLive(tensor) && m_recorder.aliases().nameOf(tensor).empty())
        m_recorder.aliases().setName(tensor, name);
}

void NodeRun::beginTurn(const std::string& part) {
    m_part = part;
    m_isRepeated = true;
    m_calls = 0;
}

std::vector<at::Tensor> NodeRun::all(const std::string& name, std::vector<at::IValue> arguments) {
    const AtenOperator* aten = findAten(name);
    if (!aten)
        throw Error(m_scope.path, "this LibTorch has no operator " + name, "use a newer LibTorch (CMAKE_PREFIX_PATH)");
    const auto& declared = aten->schema->arguments();
    for (std::size_t i = arguments.size(); i < declared.size(); ++i) {
        if (!declared[i].default_value())
            fail(name + " needs its argument " + declared[i].name());
        arguments.push_back(*declared[i].default_value());
    }
    const OperatorCall call{*aten->schema, [aten](c10::Stack& stack) { aten->run(stack); }, true, m_source};
    c10::Stack stack(arguments.begin(), arguments.end());
    m_scope.place = m_isRepeated ? m_place + m_part + '#' + std::to_string(m_calls++) + name : std::string();
    try {
        m_recorder.run(call, stack, m_scope);
    } catch (const c10::Error& error) {
        fail(error.what_without_backtrace(), "check the inputs' shapes and types");
    }
    std::vector<at::Tensor> results;
    for (const at::IValue& value : stack)
        forEachTensor(value, [&results](const at::Tensor& tensor) { results.push_back(tensor); });
    return results;
}

at::Tensor NodeRun::cast(const at::Tensor& x, at::ScalarType type) {
    return x.scalar_type() == type ? x : op("aten::to.dtype", {x, static_cast<std::int64_t>(type)});
}

at::Tensor NodeRun::pick(const at::Tensor& x, std::int64_t dim, const at::Tensor& places) {
    return op("aten::index_select", {x, dim, places});
}

at::Tensor NodeRun::cat(const std::vector<at::Tensor>& parts, std::int64_t dim) {
    return op("aten::cat", {c10::List<at::Tensor>(parts), dim});
}

at::Tensor NodeRun::joined(const std::string& name, const std::vector<at::Tensor>& parts, std::int64_t dim) {
    if (std::ranges::none_of(parts, [this](const at::Tensor& part) { return isLive(part); }))
        return op(name, {c10::List<at::Tensor>(parts), dim});
    Operand::List values;
    for (const at::Tensor& part : parts)
        values.emplace_back(m_recorder.valueOf(part));
    Builder& builder = m_recorder.builder();
    builder.setLayer({});
    builder.setSource(m_source);
    try {
        const Value value = builder.call(name, {std::move(values), dim});
        at::Tensor result = builder.tensor(value).alias();
        m_recorder.aliases().bind(result, value);
        return result;
    } catch (const c10::Error& error) {
        fail(error.what_without_backtrace(), "check the inputs' shapes and types");
    }
}

void NodeRun::out(at::Tensor tensor) {
    const std::int32_t first = m_inputs.empty() ? 0 : m_inputs[0].type;
    bool alike = false;
    if (first != 0 && tensor.defined())
        alike = storageOf(first) == tensor.scalar_type();
    const std::int32_t type = alike ? first : tensor.defined() ? elementTypeOf(tensor.scalar_type()) : 0;
    out(std::move(tensor), type);
}

void NodeRun::out(at::Tensor tensor, std::int32_t type) {
    m_outputs.push_back({std::move(tensor), type, nullptr});
}

bool NodeRun::wants(int output) const {
    return output < m_node.output_size() && !m_node.output(output).empty() && !m_unread.contains(output);
}

} // namespace fxp::quant::onnx_import
