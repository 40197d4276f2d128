#pragma once

#include "quant/graph/network.h"
#include "quant/import/onnx/node_run.h"
#include "quant/import/onnx/scopes.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace onnx {
class FunctionProto;
class ModelProto;
class TensorProto;
} // namespace onnx

namespace fxp::quant::onnx_import {

/// One input of the model.
struct ModelInput {
    std::string name;
    std::int32_t type = 0;
    std::optional<std::vector<std::int64_t>> shape; ///< −1 where a size may vary; absent where the file does not say
};

/// An ONNX file as it was read: its tensors are the model's parameters, and keep their memory as long as it lives.
class Model {
  public:
    /// Throws Error: what of the file cannot be read or run, with the paths of all operators that are not known.
    explicit Model(const std::string& file);
    ~Model();

    const ::onnx::GraphProto& graph() const;
    int outputCount() const;
    const std::vector<ModelInput>& inputs() const { return m_inputs; }
    const std::vector<ModuleInfo>& modules() const { return m_modules; }
    const NamedTensors& parameters() const { return m_parameters; }

    /// The version of the operators of a domain, in the model or inside one of its functions.
    std::int64_t opset(const std::string& domain) const;
    const ::onnx::FunctionProto* function(const std::string& domain, const std::string& name) const;
    /// The graph's own tensors, by name.
    const std::map<std::string, Item>& initializers(const ::onnx::GraphProto& graph) const;
    /// The tensor of a Constant node; absent for any other.
    const Item& constant(const ::onnx::NodeProto& node) const;
    const NodeScope& scope(const ::onnx::NodeProto& node) const;
    /// Whether the module's operators may take its own path: it stands for one layer.
    bool isLeaf(const std::string& path) const { return m_leaves.contains(path); }
    /// Which of its module's recurrent nodes it is, where there are several in one module; else −1.
    int recurrentLayer(const ::onnx::NodeProto& node) const;
    /// Whether a quantizer runs as its operators, because no slot takes its format.
    bool keepsArithmetic(const ::onnx::NodeProto& node) const { return m_arithmetic.contains(&node); }
    void keepArithmetic(const ::onnx::NodeProto* node) { m_arithmetic.insert(node); }
    const std::string& classOf(const std::string& path) const;
    /// How many nodes read a value of that name, in the graph and in graphs inside its nodes.
    int readersOf(const ::onnx::GraphProto& graph, const std::string& name) const;

  private:
    at::Tensor take(::onnx::TensorProto& proto, const std::string& folder);
    void readGraph(::onnx::GraphProto& graph, const std::string& folder);
    void readInputs();
    void readModules();
    void refuseUnknown(const std::string& file) const;
    void addParameter(const std::string& name, const at::Tensor& tensor);

    std::unique_ptr<::onnx::ModelProto> m_proto;
    std::vector<ModelInput> m_inputs;
    std::vector<ModuleInfo> m_modules;
    NamedTensors m_parameters;
    std::set<std::string> m_parameterNames, m_leaves;
    std::map<std::string, std::string> m_classes; ///< by path
    std::map<std::string, std::int64_t> m_opsets;
    std::map<std::pair<std::string, std::string>, const ::onnx::FunctionProto*> m_functions;
    std::map<const ::onnx::GraphProto*, std::map<std::string, Item>> m_initializers;
    std::map<const ::onnx::GraphProto*, std::unordered_map<std::string, int>> m_readers;
    std::unordered_map<const ::onnx::NodeProto*, Item> m_constants;
    std::unordered_map<const ::onnx::NodeProto*, NodeScope> m_scopes;
    std::unordered_map<const ::onnx::NodeProto*, int> m_recurrentLayers;
    std::set<const ::onnx::NodeProto*> m_arithmetic;
};

/// QONNX's quantizer, in one of the domains that it has had.
bool isQonnxQuant(const ::onnx::NodeProto& node);

} // namespace fxp::quant::onnx_import
