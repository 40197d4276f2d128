#pragma once

#include "quant/record/operator_recorder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace onnx {
class AttributeProto;
class GraphProto;
class NodeProto;
} // namespace onnx

namespace fxp::quant::onnx_import {

/// A value of a graph as it runs: a tensor, held as element_types.h says, or a sequence of such; neither where an
/// optional value is absent.
struct Item {
    at::Tensor tensor;
    std::int32_t type = 0; ///< TensorProto.DataType
    std::shared_ptr<const std::vector<Item>> sequence;

    bool isPresent() const { return tensor.defined() || sequence; }
};

/// Runs a graph that is an attribute of the node (a branch, a loop's body) on its inputs; it sees the values around it.
/// `isRepeated`: it is a loop's body.
using RunGraph =
    std::function<std::vector<Item>(const ::onnx::GraphProto& graph, std::vector<Item> inputs, bool isRepeated)>;

/// One node as it runs: its inputs and attributes, and what it does, as operators of LibTorch that are recorded.
class NodeRun {
  public:
    NodeRun(const ::onnx::NodeProto& node, std::int64_t opset, std::vector<Item> inputs, OperatorRecorder& recorder,
            OperatorScope& scope, RunGraph runGraph);

    const ::onnx::NodeProto& node() const { return m_node; }
    /// The version of the node's domain.
    std::int64_t opset() const { return m_opset; }
    OperatorRecorder& recorder() { return m_recorder; }
    OperatorScope& scope() { return m_scope; }
    /// Where the model's own source has the node: `file:line`.
    void setSource(std::string source) { m_source = std::move(source); }
    /// Whether anything reads the result.
    void setRead(int output, bool isRead) {
        if (!isRead)
            m_unread.insert(output);
    }
    /// The class of the node's module, where it is known: `AdaptiveAvgPool2d`.
    const std::string& moduleClass() const { return m_moduleClass; }
    void setModuleClass(const std::string& name) { m_moduleClass = name.substr(name.rfind('.') + 1); }
    /// Where the node stands among all nodes of the file; `isRepeated`: in a loop's body.
    void setPlace(std::string place, bool isRepeated) {
        m_place = std::move(place);
        m_isRepeated = isRepeated;
    }
    /// Another turn of the node's own operators begins: they get the paths that they had in the one before.
    void beginTurn(const std::string& part);
    /// Which layer of a recurrent module the node is, where the module has several; else −1.
    int layer() const { return m_layer; }
    void setLayer(int layer) { m_layer = layer; }

    std::size_t inputCount() const { return m_inputs.size(); }
    bool has(std::size_t i) const { return i < m_inputs.size() && m_inputs[i].isPresent(); }
    /// The tensor. Throws Error where the input is absent or a sequence.
    const at::Tensor& in(std::size_t i) const;
    /// Undefined where the input is absent.
    at::Tensor optional(std::size_t i) const { return has(i) ? in(i) : at::Tensor(); }
    const Item& item(std::size_t i) const;
    std::int32_t typeOf(std::size_t i) const { return item(i).type; }
    /// An axis that the operator was given, as 0 … rank − 1. Throws Error for one outside.
    std::int64_t axis(std::int64_t value, std::int64_t rank) const;

    bool hasAttribute(std::string_view name) const { return find(name); }
    std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
    double real(std::string_view name, double otherwise) const;
    std::string text(std::string_view name, std::string_view otherwise) const;
    std::vector<std::int64_t> integers(std::string_view name, std::vector<std::int64_t> otherwise = {}) const;
    std::vector<double> reals(std::string_view name) const;
    std::vector<std::string> texts(std::string_view name) const;
    at::Tensor tensorAttribute(std::string_view name, std::int32_t* type) const;
    std::vector<Item> runGraph(std::string_view attribute, std::vector<Item> inputs);
    /// One turn of a loop's `body`.
    std::vector<Item> runBody(std::vector<Item> inputs);

    /// The input's numbers, which shapes or branches depend on: where they depend on the model's inputs, the recording
    /// holds for these samples alone.
    std::vector<std::int64_t> integersOf(std::size_t i);
    std::vector<double> realsOf(std::size_t i);
    /// The same of any tensor, in the host's hands.
    at::Tensor read(const at::Tensor& tensor);
    /// Names a constant as PyTorch's programs do, where the file's exporter made up a name.
    void nameParameter(const at::Tensor& tensor, const std::string& name);
    bool isLive(const at::Tensor& tensor) { return m_recorder.aliases().isLive(tensor); }

    /// Runs an operator of LibTorch and records it: `aten::add.Tensor`. Arguments left out have their defaults.
    at::Tensor op(const std::string& name, std::vector<at::IValue> arguments) {
        return all(name, std::move(arguments)).at(0);
    }
    std::vector<at::Tensor> all(const std::string& name, std::vector<at::IValue> arguments);
    /// Each operator under the name that it has in programs of PyTorch.
    at::Tensor add(const at::Tensor& a, const at::Tensor& b) { return op("aten::add.Tensor", {a, b}); }
    at::Tensor sub(const at::Tensor& a, const at::Tensor& b) { return op("aten::sub.Tensor", {a, b}); }
    at::Tensor mul(const at::Tensor& a, const at::Tensor& b) { return op("aten::mul.Tensor", {a, b}); }
    at::Tensor div(const at::Tensor& a, const at::Tensor& b) { return op("aten::div.Tensor", {a, b}); }
    at::Tensor reshape(const at::Tensor& x, std::vector<std::int64_t> shape) {
        return op("aten::reshape", {x, std::move(shape)});
    }
    at::Tensor permute(const at::Tensor& x, std::vector<std::int64_t> order) {
        return op("aten::permute", {x, std::move(order)});
    }
    at::Tensor cast(const at::Tensor& x, at::ScalarType type);
    /// Elements of x along a dimension by constant places.
    at::Tensor pick(const at::Tensor& x, std::int64_t dim, const at::Tensor& places);
    at::Tensor slice(const at::Tensor& x, std::int64_t dim, std::int64_t begin, std::int64_t end,
                     std::int64_t step = 1) {
        return op("aten::slice.Tensor", {x, dim, begin, end, step});
    }
    at::Tensor cat(const std::vector<at::Tensor>& parts, std::int64_t dim);

    /// `aten::stack` or `aten::cat` of what one layer or the turns of one loop gave: values that have their slots.
    at::Tensor joined(const std::string& name, const std::vector<at::Tensor>& parts, std::int64_t dim);

    /// The next result. Its element type is that of the first input where the two are held alike.
    void out(at::Tensor tensor);
    void out(at::Tensor tensor, std::int32_t type);
    void out(Item item) { m_outputs.push_back(std::move(item)); }
    const std::vector<Item>& outputs() const { return m_outputs; }
    bool wants(int output) const;

    [[noreturn]] void fail(const std::string& what, const std::string& hint = "export the model anew") const;

  private:
    const ::onnx::AttributeProto* find(std::string_view name) const;

    const ::onnx::NodeProto& m_node;
    std::int64_t m_opset;
    std::vector<Item> m_inputs, m_outputs;
    OperatorRecorder& m_recorder;
    OperatorScope& m_scope;
    RunGraph m_runGraph;
    std::string m_source, m_moduleClass;
    std::string m_place, m_part; ///< m_part: of a node that makes turns itself
    std::set<int> m_unread;
    bool m_isRepeated = false;
    int m_layer = -1, m_calls = 0;
};

} // namespace fxp::quant::onnx_import
