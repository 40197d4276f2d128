#include "quant/record/module_recognizer.h"

#include "quant/ops/aten_operator.h"
#include "quant/record/known_modules.h"

#include <ATen/ATen.h>

#include <optional>

namespace fxp::quant {

namespace {

/// The tensors of a module's result, in order; absent for anything but a tensor or a tuple of tensors and None. Fused
/// kernels give an undefined tensor for a result that was not asked for.
std::optional<Tensors> resultTensors(const at::IValue& result) {
    Tensors tensors;
    const auto add = [&tensors](const at::IValue& value) {
        if (value.isTensor() && value.toTensor().defined())
            tensors.push_back(value.toTensor());
        return value.isTensor() || value.isNone();
    };
    if (!result.isTuple())
        return result.isTensor() && add(result) ? std::optional(tensors) : std::nullopt;
    for (const at::IValue& element : result.toTupleRef().elements()) {
        if (!add(element))
            return std::nullopt;
    }
    return tensors;
}

} // namespace

bool ModuleRecognizer::isKnown(const std::string& className) {
    return className.starts_with("torch.nn.") && isKnownClass(className.substr(className.rfind('.') + 1));
}

at::IValue ModuleRecognizer::run(ModuleCall call, OperatorScope& operators, const std::function<Run()>& run) {
    Builder& builder = m_recorder.builder();
    AliasSets& aliases = m_recorder.aliases();
    for (auto& argument : call.arguments) {
        forEachTensor(argument.value, [&](const at::Tensor& tensor) {
            if (tensor.defined())
                argument.values.push_back(OperatorRecorder::placed(call.path, "the argument " + argument.name,
                                                                   [&] { return m_recorder.valueOf(tensor); }));
        });
    }
    const auto begin = builder.mark();
    const std::size_t firstHint = m_recorder.hints().size();
    const AliasSets::Moment before = aliases.now();
    const Run done = run();
    if (m_recorder.recognition().isRefused(call.path)) {
        m_notes[call.path] =
            "does not compute what " + call.className + " does on all samples; runs operator by operator";
        return done.result;
    }
    if (aliases.wroteToOlder(before)) {
        // The operators that wrote to older memory must stay, because later steps read what they wrote.
        m_notes[call.path] = "writes to its input";
        return done.result;
    }
    const auto tensors = resultTensors(done.result);
    if (!tensors || done.changedState)
        return done.result;
    call.result = done.result;
    call.hints.assign(m_recorder.hints().begin() + static_cast<std::ptrdiff_t>(firstHint), m_recorder.hints().end());
    std::vector<Value> expected;
    for (const at::Tensor& tensor : *tensors)
        expected.push_back(
            OperatorRecorder::placed(call.path, "the result", [&] { return m_recorder.valueOf(tensor); }));
    const auto end = builder.mark();
    const std::vector<Value> got =
        m_recorder.recognition().replace(call.path, begin, end, expected, candidates(call, builder));
    if (!got.empty()) {
        m_notes.erase(call.path);
        return m_recorder.withLayerResults(done.result, got, before.sets);
    }
    if (!operators.taken) // else the module's one operator was recognised as its layer
        m_notes[call.path] = "does not compute what " + call.className + " does; runs operator by operator";
    return done.result;
}

} // namespace fxp::quant
