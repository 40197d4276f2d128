#include "quant/ops/registry.h"

#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/ops/aten_operator.h"
#include "quant/ops/layer_functions.h"
#include "quant/ops/memory_operators.h"
#include "quant/ops/operator_table.h"
#include "quant/ops/products.h"
#include "quant/ops/recurrence.h"

#include <ATen/ATen.h>

#include <mutex>

namespace fxp::quant {

namespace {

Tensors quantizeStep(const StepContext& context) {
    const at::Tensor& x = context.inputs[0];
    const SlotFormat& format = context.formats[0];
    const std::int64_t perSample = context.samples.count > 0 ? x.numel() / context.samples.count : 0;
    return {quantize(x, format.type, context.step.layer, format.seed, context.samples.first * perSample)};
}

OperatorTable ownOperators() {
    OperatorTable table;
    table["quantize"] = {quantizeStep, [](const Step&) { return std::vector<FormatRead>{{Reads::All, 0}}; }};
    addProductOperators(table);
    addLayerOperators(table);
    addRecurrentOperators(table);
    addMemoryOperators(table);
    return table;
}

} // namespace

const Operator& operatorOf(const std::string& name) {
    static std::mutex mutex;
    static OperatorTable table = ownOperators();
    const std::lock_guard lock(mutex);
    const auto known = table.find(name);
    if (known != table.end())
        return known->second;
    if (name.find("::") == std::string::npos)
        throw Error(name, "is not an operator of this version", "use the version that recorded the program");
    return table.emplace(name, atenStep(name)).first->second; // references to a map's elements stay valid
}

Tensors evaluate(const Step& step, std::span<const at::Tensor> inputs, const Formats* formats,
                 const SampleRange& samples, StepFindings* findings) {
    if (step.isQuantize()) {
        if (!formats)
            return {inputs[0]};
        const QType& type = (*formats)[static_cast<std::size_t>(step.sites[0].slot)];
        const SlotFormat own{type, seedOf(step.sites[0].slot)};
        return operatorOf(step.op).evaluate({step, inputs, {&own, 1}, samples, findings});
    }
    std::vector<SlotFormat> own;
    own.reserve(step.formats.size());
    for (const SlotId slot : step.formats) {
        const QType type = formats ? (*formats)[static_cast<std::size_t>(slot)] : QType{};
        own.push_back({type.isPartial() ? QType{} : type, formats ? seedOf(slot) : 0});
    }
    return operatorOf(step.op).evaluate({step, inputs, own, samples, findings});
}

} // namespace fxp::quant
