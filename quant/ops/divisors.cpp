#include "quant/ops/divisors.h"

#include "quant/ops/operator_names.h"

namespace fxp::quant {

namespace {

bool passesZeroOn(const std::string& op) {
    if (op == "quantize" || op == "read_memory" || op == "write_memory")
        return true;
    const std::size_t begin = op.find("::");
    if (begin == std::string::npos)
        return false;
    const std::string base = op.substr(begin + 2, op.find('.', begin) - begin - 2);
    return base == "sqrt" || base == "add" || movesValues(base);
}

} // namespace

void markDivisors(Program& program) {
    std::vector<char> divides(static_cast<std::size_t>(program.valueCount), 0);
    for (std::size_t i = program.steps.size(); i-- > 0;) {
        const Step& step = program.steps[i];
        bool passes = false;
        for (const ValueId output : step.outputs)
            passes = passes || divides[static_cast<std::size_t>(output)];
        for (const Site& site : step.sites) {
            SlotInfo& slot = program.slots[static_cast<std::size_t>(site.slot)];
            if (divides[static_cast<std::size_t>(site.after)] && !slot.optional)
                slot.divisor = true;
            if (slot.divisor && step.isQuantize())
                passes = true;
        }
        if (!passes || !passesZeroOn(step.op))
            continue;
        for (const ValueId input : step.inputs) {
            if (input != kAbsent)
                divides[static_cast<std::size_t>(input)] = 1;
        }
    }
}

} // namespace fxp::quant
