#include "quant/engine/fingerprint.h"

#include "quant/ops/registry.h"

#include <bit>

namespace fxp::quant {

namespace {

Fingerprint mix(Fingerprint state, std::uint64_t word) {
    state ^= word + 0x9E3779B97F4A7C15u + (state << 6) + (state >> 2);
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBu;
    return state ^ (state >> 31);
}

Fingerprint mix(Fingerprint state, const QType& type, Reads reads) {
    constexpr std::uint64_t kNone = 1u << 20;
    state = mix(state, type.totalBits ? static_cast<std::uint64_t>(*type.totalBits) : kNone);
    state = mix(state, type.fractionalBits ? static_cast<std::uint64_t>(*type.fractionalBits + 100'000) : kNone);
    if (reads == Reads::All)
        state = mix(state, static_cast<std::uint64_t>(type.rounding) * 16 + static_cast<std::uint64_t>(type.overflow));
    if (type.affine) {
        state = mix(state, static_cast<std::uint64_t>(type.affine->axis + 2));
        for (const double scale : type.affine->scale)
            state = mix(state, std::bit_cast<std::uint64_t>(scale));
        for (const std::int64_t zero : type.affine->zeroPoint)
            state = mix(state, static_cast<std::uint64_t>(zero));
    }
    return state;
}

} // namespace

std::vector<Fingerprint> fingerprints(const Program& program, const Formats& formats) {
    std::vector<Fingerprint> states(static_cast<std::size_t>(program.valueCount), 1);
    for (std::size_t index = 0; index < program.steps.size(); ++index) {
        const Step& step = program.steps[index];
        Fingerprint common = mix(1, index);
        for (const ValueId input : step.inputs)
            common = mix(common, input == kAbsent ? 0 : states[static_cast<std::size_t>(input)]);
        const std::vector<FormatRead> reads =
            step.isQuantize() || step.formats.empty() ? std::vector<FormatRead>{} : operatorOf(step.op).reads(step);
        for (std::size_t i = 0; i < step.outputs.size(); ++i) {
            Fingerprint state = common;
            if (step.isQuantize())
                state = mix(state, formats[static_cast<std::size_t>(step.sites[0].slot)], Reads::All);
            for (std::size_t f = 0; f < reads.size(); ++f) {
                const QType& type = formats[static_cast<std::size_t>(step.formats[f])];
                if (static_cast<std::size_t>(reads[f].firstOutput) <= i)
                    state = mix(state, type.isPartial() ? QType{} : type, reads[f].reads);
            }
            states[static_cast<std::size_t>(step.outputs[i])] = mix(state, i) | 1; // 0 is reserved for "no value"
        }
    }
    return states;
}

std::vector<Fingerprint> slotStates(const Program& program, const std::vector<Fingerprint>& states) {
    std::vector<Fingerprint> result(program.slots.size(), 0);
    for (const Step& step : program.steps) {
        for (const Site& site : step.sites) {
            auto& state = result[static_cast<std::size_t>(site.slot)];
            state = state * 0x100000001B3u ^ states[static_cast<std::size_t>(site.after)];
        }
    }
    return result;
}

} // namespace fxp::quant
