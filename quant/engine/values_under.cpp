#include "quant/engine/values_under.h"

#include "quant/ops/step_loop.h"

#include <ATen/ATen.h>

#include <array>

namespace fxp::quant {

std::optional<Tensors> valuesUnder(const Batch& batch, const Formats& formats, const std::vector<char>& needed,
                                   const std::function<bool()>& stop) {
    const Program& program = batch.program();
    const std::vector<Fingerprint> states = fingerprints(program, formats);
    Tensors values = startingValues(program, batch.inputs());
    std::vector<char> run(program.steps.size(), 0), wanted = needed;
    for (std::size_t index = program.steps.size(); index-- > 0;) {
        const Step& step = program.steps[index];
        bool missing = false;
        for (const ValueId output : step.outputs) {
            const auto id = static_cast<std::size_t>(output);
            if (wanted[id] && batch.has(output, states[id]))
                values[id] = batch.value(output);
            else
                missing = missing || wanted[id];
        }
        run[index] = missing;
        for (const ValueId input : step.inputs) {
            if (missing && input != kAbsent)
                wanted[static_cast<std::size_t>(input)] = 1;
        }
    }
    const at::NoGradGuard noGrad;
    const std::array lanes{Lane{&program, &values, batch.samples()}};
    StepLoop loop;
    loop.formats = &formats;
    loop.stop = stop;
    loop.keep = &needed;
    loop.skip = [&](std::size_t, std::size_t index) { return !run[index]; };
    if (!runSteps(loop, lanes))
        return std::nullopt;
    return values;
}

} // namespace fxp::quant
