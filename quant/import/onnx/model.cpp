#include "quant/import/onnx/model.h"

#include "quant/core/error.h"
#include "quant/import/onnx/model_file.h"
#include "quant/import/onnx/module_classes.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"
#include "quant/import/onnx/tensor_reader.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <functional>

namespace fxp::quant::onnx_import {

namespace {

/// Both are names of ONNX's own operators.
std::string plainDomain(const std::string& domain) {
    return domain == "ai.onnx" ? std::string() : domain;
}

void countReaders(const ::onnx::GraphProto& graph, std::unordered_map<std::string, int>& readers) {
    for (const auto& node : graph.node()) {
        for (const std::string& name : node.input())
            ++readers[name];
        for (const auto& attribute : node.attribute()) {
            if (attribute.has_g())
                countReaders(attribute.g(), readers);
        }
    }
    for (const auto& output : graph.output())
        ++readers[output.name()];
}

void forEachGraph(const ::onnx::NodeProto& node, const std::function<void(const ::onnx::GraphProto&)>& visit) {
    for (const auto& attribute : node.attribute()) {
        if (attribute.has_g())
            visit(attribute.g());
        for (const auto& one : attribute.graphs())
            visit(one);
    }
}

std::optional<std::vector<std::int64_t>> shapeOf(const ::onnx::ValueInfoProto& input) {
    if (!input.type().tensor_type().has_shape())
        return std::nullopt;
    std::vector<std::int64_t> shape;
    for (const auto& size : input.type().tensor_type().shape().dim())
        shape.push_back(size.has_dim_value() && size.dim_value() > 0 ? size.dim_value() : -1);
    return shape;
}

} // namespace

bool isQonnxQuant(const ::onnx::NodeProto& node) {
    return node.op_type() == "Quant" && (node.domain() == "qonnx.custom_op.general" ||
                                         node.domain() == "finn.custom_op.general" || node.domain() == "onnx.brevitas");
}

Model::Model(const std::string& file) : m_proto(readModel(file)) {
    for (const auto& opset : m_proto->opset_import())
        m_opsets[plainDomain(opset.domain())] = opset.version();
    for (const auto& function : m_proto->functions())
        m_functions[{plainDomain(function.domain()), function.name()}] = &function;
    refuseUnknown(file);
    try {
        readGraph(*m_proto->mutable_graph(), std::filesystem::absolute(file).parent_path().string());
    } catch (const Error& error) {
        throw Error(file, error.where + " " + error.problem, error.hint);
    }
    readInputs();
    readModules();
}

Model::~Model() = default;

const ::onnx::GraphProto& Model::graph() const {
    return m_proto->graph();
}

int Model::outputCount() const {
    return graph().output_size();
}

void Model::addParameter(const std::string& name, const at::Tensor& tensor) {
    std::string own = name.empty() ? "constant" : name;
    for (int number = 1; !m_parameterNames.insert(own).second; ++number)
        own = name + "_" + std::to_string(number);
    m_parameters.emplace_back(own, tensor);
}

/// The tensor; the file's own copy of its bytes is let go.
at::Tensor Model::take(::onnx::TensorProto& proto, const std::string& folder) {
    at::Tensor tensor = readTensor(proto, folder);
    delete proto.release_raw_data();
    ::onnx::TensorProto().mutable_float_data()->Swap(proto.mutable_float_data());
    return tensor;
}

void Model::readGraph(::onnx::GraphProto& graph, const std::string& folder) {
    auto& own = m_initializers[&graph];
    for (auto& proto : *graph.mutable_initializer()) {
        const at::Tensor tensor = take(proto, folder);
        if (!own.emplace(proto.name(), Item{tensor, proto.data_type(), nullptr}).second)
            throw Error(proto.name(), "stands twice among the tensors of its graph", "export the model anew");
        addParameter(proto.name(), tensor);
    }
    countReaders(graph, m_readers[&graph]);
    for (auto& node : *graph.mutable_node()) {
        m_scopes[&node] = scopeOf(node);
        for (auto& attribute : *node.mutable_attribute()) {
            if (attribute.has_g())
                readGraph(*attribute.mutable_g(), folder);
            if (node.op_type() != "Constant" || node.output_size() != 1 || attribute.name() != "value" ||
                !attribute.has_t())
                continue;
            const at::Tensor tensor = take(*attribute.mutable_t(), folder);
            m_constants[&node] = {tensor, attribute.t().data_type(), nullptr};
            if (tensor.scalar_type() == at::kFloat && tensor.dim() > 0)
                addParameter(node.output(0), tensor);
        }
    }
}

void Model::readInputs() {
    const auto& tensors = m_initializers.at(&graph());
    for (const auto& input : graph().input()) {
        if (tensors.contains(input.name()))
            continue; // older files list their weights among the inputs
        if (input.has_type() && !input.type().has_tensor_type())
            throw Error(input.name(), "is a sequence or an optional input, and not a tensor",
                        "export the model with tensors as its inputs");
        m_inputs.push_back({input.name(), input.type().tensor_type().elem_type(), shapeOf(input)});
    }
}

void Model::refuseUnknown(const std::string& file) const {
    std::vector<std::string> unknown;
    std::set<std::string> domains;
    std::size_t count = 0;
    const std::function<void(const google::protobuf::RepeatedPtrField<::onnx::NodeProto>&)> visit =
        [&](const auto& nodes) {
            for (const auto& node : nodes) {
                const std::string domain = plainDomain(node.domain());
                const bool known = function(domain, node.op_type()) || isQonnxQuant(node) ||
                                   (domain.empty() && findOperator(node.op_type()));
                if (!known) {
                    ++count;
                    if (!domain.empty())
                        domains.insert(domain);
                    const std::string path = scopeOf(node).path,
                                      name = domain.empty() ? node.op_type() : domain + "." + node.op_type();
                    const std::string text = name + (path.empty() ? "" : " in " + path);
                    if (unknown.size() < 8 && std::ranges::find(unknown, text) == unknown.end())
                        unknown.push_back(text);
                }
                forEachGraph(node, [&](const ::onnx::GraphProto& inner) { visit(inner.node()); });
            }
        };
    visit(m_proto->graph().node());
    for (const auto& one : m_proto->functions())
        visit(one.node());
    if (count == 0)
        return;
    std::string list;
    for (const std::string& one : unknown)
        list += (list.empty() ? "" : ", ") + one;
    if (unknown.size() < count)
        list += ", … (" + std::to_string(count) + " in all)";
    throw Error(file, "needs operators that are not known here: " + list,
                domains.empty() ? "export the model with ONNX's own operators, of opset 9 to 21"
                                : "export the model without the operators of " + *domains.begin());
}

std::int64_t Model::opset(const std::string& domain) const {
    const auto found = m_opsets.find(plainDomain(domain));
    return found == m_opsets.end() ? 1 : found->second;
}

const ::onnx::FunctionProto* Model::function(const std::string& domain, const std::string& name) const {
    const auto found = m_functions.find({plainDomain(domain), name});
    return found == m_functions.end() ? nullptr : found->second;
}

const std::map<std::string, Item>& Model::initializers(const ::onnx::GraphProto& graph) const {
    static const std::map<std::string, Item> kNone;
    const auto found = m_initializers.find(&graph);
    return found == m_initializers.end() ? kNone : found->second;
}

const Item& Model::constant(const ::onnx::NodeProto& node) const {
    static const Item kNone;
    const auto found = m_constants.find(&node);
    return found == m_constants.end() ? kNone : found->second;
}

const NodeScope& Model::scope(const ::onnx::NodeProto& node) const {
    static const NodeScope kRoot;
    const auto found = m_scopes.find(&node);
    return found == m_scopes.end() ? kRoot : found->second;
}

const std::string& Model::classOf(const std::string& path) const {
    static const std::string kNone;
    const auto found = m_classes.find(path);
    return found == m_classes.end() ? kNone : found->second;
}

int Model::recurrentLayer(const ::onnx::NodeProto& node) const {
    const auto found = m_recurrentLayers.find(&node);
    return found == m_recurrentLayers.end() ? -1 : found->second;
}

int Model::readersOf(const ::onnx::GraphProto& graph, const std::string& name) const {
    const auto readers = m_readers.find(&graph);
    if (readers == m_readers.end())
        return 0;
    const auto found = readers->second.find(name);
    return found == readers->second.end() ? 0 : found->second;
}

void Model::readModules() {
    std::vector<ScopedNode> nodes;
    const std::function<void(const ::onnx::GraphProto&)> visit = [&](const ::onnx::GraphProto& graph) {
        for (const auto& node : graph.node()) {
            nodes.push_back({&node, &m_scopes.at(&node)});
            forEachGraph(node, visit);
        }
    };
    visit(graph());
    const ModuleClasses found = moduleClasses(nodes, m_parameters);
    m_classes = found.classes;
    m_leaves = found.leaves;
    m_modules = found.modules;
    std::map<std::string, std::vector<const ::onnx::NodeProto*>> recurrent;
    for (const ScopedNode& one : nodes) {
        const std::string& type = one.node->op_type();
        if (isLeaf(one.scope->path) && (type == "LSTM" || type == "GRU" || type == "RNN"))
            recurrent[one.scope->path].push_back(one.node);
    }
    for (const auto& [path, layers] : recurrent) {
        for (std::size_t i = 0; i < layers.size() && layers.size() > 1; ++i)
            m_recurrentLayers[layers[i]] = static_cast<int>(i);
    }
    for (ModuleInfo& info : m_modules) {
        for (const auto& [name, tensor] : m_parameters) {
            const std::size_t dot = name.rfind('.');
            if ((dot == std::string::npos ? std::string() : name.substr(0, dot)) == info.path)
                info.parameters += tensor.numel();
        }
    }
}

} // namespace fxp::quant::onnx_import
