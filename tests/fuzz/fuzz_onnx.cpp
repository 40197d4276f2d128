#include "fuzz.h"

#include "quant/import/onnx/model.h"
#include "quant/import/onnx/node_order.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

namespace fxp::quant::onnx_import {

/// What the operators compute is not linked: the reader asks for their names alone. One in eight is not known.
const OperatorEntry* findOperator(const std::string& name) {
    static const OperatorEntry kKnown{"", [](NodeRun&) {}};
    return name.size() % 8 == 7 ? nullptr : &kKnown;
}

} // namespace fxp::quant::onnx_import

using namespace fxp::quant;

/// Up to the network's description: tensors, inputs, modules, and the nodes in the order in which they run.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fxp::fuzz::FileInMemory file(data, size);
    fxp::fuzz::readsOrRefuses([&] {
        const onnx_import::Model model(file.path());
        std::vector<const ::onnx::NodeProto*> nodes;
        for (const auto& node : model.graph().node())
            nodes.push_back(&node);
        for (const ::onnx::NodeProto* node : onnx_import::inOrder(nodes)) {
            model.scope(*node);
            model.constant(*node);
        }
        for (const auto& [name, tensor] : model.parameters()) {
            if (!tensor.defined() || tensor.numel() < 0)
                std::abort();
        }
    });
    return 0;
}
