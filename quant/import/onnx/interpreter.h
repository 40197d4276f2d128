#pragma once

#include "quant/import/onnx/model.h"
#include "quant/import/onnx/slot_formats.h"
#include "quant/record/module_recognizer.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace fxp::quant::onnx_import {

/// Runs an ONNX graph in float32 and records the tensor operators that it comes by. Branches and loops are taken as
/// they fall. Nodes of one module are a call of it, which recognition may replace by its layer.
class Interpreter {
  public:
    /// `stop` is asked between nodes, and ends the run by Stopped.
    Interpreter(const Model& model, OperatorRecorder& recorder, ModuleRecognizer& modules, StopRequest stop);
    ~Interpreter();
    Interpreter(const Interpreter&) = delete;
    Interpreter& operator=(const Interpreter&) = delete;

    /// The results, in the graph's order, for inputs in that of Model::inputs.
    std::vector<Item> run(const std::vector<Item>& inputs);
    /// The formats that the file's quantizers gave to values in that run.
    const std::vector<ValueFormat>& formats() const { return m_formats; }

  private:
    using Nodes = std::vector<const ::onnx::NodeProto*>;
    /// A graph as it runs.
    struct Frame {
        const ::onnx::GraphProto* graph = nullptr; ///< null for a function's body
        Nodes nodes;
        std::unordered_map<std::string, Item> values;
        std::unordered_map<std::string, std::size_t> producers; ///< by output
        std::unordered_map<std::string, std::vector<std::size_t>> readers;
        std::vector<char> state;                               ///< by node: 0 waits, 1 runs, 2 is done
        std::map<std::string, std::vector<std::size_t>> calls; ///< modules that may become layers, by path
        Frame* outer = nullptr;
        std::int64_t opset = 0;  ///< 0: the model's
        std::string path;        ///< of the node that the graph belongs to
        std::string place;       ///< of that node among all nodes of the file
        bool isRepeated = false; ///< it stands in a loop's body
    };

    void prepare(Frame& frame);
    std::vector<Item> runGraph(const ::onnx::GraphProto& graph, std::vector<Item> inputs, Frame& outer,
                               std::size_t node, bool isRepeated);
    std::vector<Item> runFunction(const ::onnx::FunctionProto& function, const Frame& outer, std::size_t node,
                                  std::vector<Item> inputs);
    NodeRun start(Frame& frame, std::size_t index, std::vector<Item> inputs, OperatorScope& scope);
    void runAll(Frame& frame);
    void runNode(Frame& frame, std::size_t index);
    void runOne(Frame& frame, std::size_t index);
    Item valueOf(Frame& frame, const std::string& name);
    bool runLinear(Frame& frame, std::size_t index, OperatorScope& scope);
    /// The bias that the only reader of a product adds to it, and that reader.
    struct BiasAdd {
        std::size_t node = 0;
        at::Tensor bias;
    };
    std::optional<BiasAdd> biasOf(Frame& frame, const ::onnx::NodeProto& product, std::int64_t features);
    std::vector<std::size_t> soleReaders(const Frame& frame, const std::string& name) const;
    bool followClip(Frame& frame, std::vector<std::size_t>& readers, QuantizerRange& range);
    bool runPair(Frame& frame, std::size_t index, const std::vector<Item>& inputs, OperatorScope& scope);
    void runQonnx(Frame& frame, std::size_t index, const std::vector<Item>& inputs, OperatorScope& scope);
    at::Tensor noteFormat(Frame& frame, std::size_t index, const at::Tensor& x, const QType& format,
                          OperatorScope& scope);
    void noteWeights(Frame& frame, std::size_t index, const std::vector<Item>& inputs, const Item& result);
    bool runCall(Frame& frame, const std::string& path);
    bool dependsOn(const Frame& frame, const std::string& name, const std::vector<char>& inside,
                   std::vector<char>& seen) const;
    std::map<std::string, at::Tensor> parametersBelow(Frame& frame, const std::string& path,
                                                      const std::vector<std::size_t>& nodes);
    std::string pathOf(const Frame& frame, const ::onnx::NodeProto& node) const;
    OperatorScope& scopeAt(const std::string& path);
    const at::Tensor* constantOf(Frame& frame, const std::string& name);

    const Model& m_model;
    OperatorRecorder& m_recorder;
    ModuleRecognizer& m_modules;
    StopRequest m_stop;
    std::map<std::string, OperatorScope> m_scopes;
    std::vector<std::unique_ptr<::onnx::NodeProto>> m_functionNodes;
    std::vector<ValueFormat> m_formats;
    int m_depth = 0;
};

} // namespace fxp::quant::onnx_import
