#include "quant/io/report.h"

#include "quant/core/version.h"
#include "quant/io/json.h"

#include <numeric>

namespace fxp::quant {

namespace {

Json optionalNumber(const std::optional<double>& value) {
    return value ? jsonNumber(*value) : Json();
}

/// {exponent: [negative, positive]} of the bins in use.
Json log2Json(const Histograms& histograms) {
    Json json = Json::object();
    for (int exponent = 0; exponent < kLog2Bins / 2; ++exponent) {
        const auto positive = histograms.log2[static_cast<std::size_t>(exponent)];
        const auto negative = histograms.log2[static_cast<std::size_t>(exponent + kLog2Bins / 2)];
        if (positive || negative)
            json[std::to_string(exponent - kExponentBias)] = {negative, positive};
    }
    return json;
}

Json tensorJson(const SlotInfo& slot, const SlotResult& result) {
    const Figures& f = result.figures;
    Json json{{"layer_type", slot.layerType},
              {"parameter", slot.parameter},
              {"shape", slot.shape},
              {"format", toJson(result.format)},
              {"count", f.count},
              {"nan", f.nan},
              {"inf", f.inf},
              {"zero", f.zero},
              {"min", jsonNumber(f.min)},
              {"max", jsonNumber(f.max)},
              {"mean", jsonNumber(f.mean())},
              {"deviation", jsonNumber(f.deviation())},
              {"overflow_low", f.overflowLow},
              {"overflow_high", f.overflowHigh},
              {"underflow", f.underflow},
              {"mse", jsonNumber(f.mse())},
              {"sqnr_db", jsonNumber(f.sqnr())},
              {"max_error", jsonNumber(f.maxError)},
              {"max_error_index", f.maxErrorIndex}};
    const bool fixed = result.format.isComplete();
    json["bias_lsb"] = fixed ? jsonNumber(f.bias(result.format.lsb())) : Json();
    json["outward_bias_lsb"] = fixed ? jsonNumber(f.outwardBias(result.format.lsb())) : Json();
    json["reference_sqnr_db"] = jsonNumber(f.referenceSqnr());
    json["local"] = {{"sqnr_db", jsonNumber(result.localFigures.sqnr())},
                     {"mse", jsonNumber(result.localFigures.mse())},
                     {"overflow_low", result.localFigures.overflowLow},
                     {"overflow_high", result.localFigures.overflowHigh},
                     {"underflow", result.localFigures.underflow}};
    json["histogram_linear"] = {{"low", jsonNumber(f.linearRange.low)},
                                {"high", jsonNumber(f.linearRange.high)},
                                {"before", f.before.linear},
                                {"after", f.after.linear}};
    json["histogram_log2"] = {{"before", log2Json(f.before)}, {"after", log2Json(f.after)}};
    return json;
}

} // namespace

WeightBits weightBits(const std::vector<SlotInfo>& slots, const Formats& formats) {
    WeightBits bits;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (!slots[i].parameter)
            continue;
        const std::int64_t count =
            std::accumulate(slots[i].shape.begin(), slots[i].shape.end(), std::int64_t{1}, std::multiplies<>());
        bits.fixed += count * formats[i].totalBits.value_or(32);
        bits.asFloat += count * 32;
    }
    return bits;
}

Json report(const ModelIdentity& model, std::int64_t samples, const std::vector<SlotInfo>& slots,
            const Formats& formats, const RunResult& result) {
    Json json{{"format", "fxp-workbench/report"},
              {"version", 1},
              {"program", "fxp-workbench " + std::string(programVersion())},
              {"model", {{"name", model.name}, {"sha256", model.sha256}}},
              {"samples", samples}};
    if (!model.folded.empty())
        json["model"]["folded"] = model.folded;
    Json outputs = Json::array();
    for (const OutputResult& output : result.outputs)
        outputs.push_back({{"shape", output.shape},
                           {"sqnr_db", jsonNumber(output.sqnr)},
                           {"mse", jsonNumber(output.mse)},
                           {"max_error", jsonNumber(output.maxError)}});
    json["outputs"] = outputs;
    json["notes"] = result.notes;
    json["warnings"] = result.warnings;
    if (!result.collapse.empty())
        json["collapse"] = result.collapse;
    if (!result.predictions.note.empty())
        json["note"] = result.predictions.note;
    json["agreement"] = optionalNumber(result.predictions.agreement());
    json["accuracy_float"] = optionalNumber(result.predictions.accuracyFloat());
    json["accuracy_fixed"] = optionalNumber(result.predictions.accuracyFixed());
    if (result.predictions.chosenOn > 0) {
        json["chosen_on"] = result.predictions.chosenOn;
        json["held_out_accuracy_float"] = optionalNumber(result.predictions.heldOutAccuracyFloat());
        json["held_out_accuracy_fixed"] = optionalNumber(result.predictions.heldOutAccuracyFixed());
    }
    const WeightBits bits = weightBits(slots, formats);
    json["weight_bits"] = bits.fixed;
    json["weight_bits_float"] = bits.asFloat;
    JsonMembers tensors, accumulators;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (result.slots[i] && (!slots[i].optional || formats[i].isComplete()))
            tensors.add(slots[i].path, tensorJson(slots[i], *result.slots[i]));
    }
    json["tensors"] = tensors.take();
    // By the accumulator's path: the bits of an exact sum, on its own grid.
    for (std::size_t i = 0; i < slots.size() && i < result.accumulators.size(); ++i) {
        const AccumulatorUse& use = result.accumulators[i];
        if (slots[i].optional && use.worstBits > 0)
            accumulators.add(slots[i].path, {{"worst_bits", use.worstBits},
                                             {"observed_bits", use.observedBits},
                                             {"overflow_low", use.overflowLow},
                                             {"overflow_high", use.overflowHigh}});
    }
    json["accumulators"] = accumulators.take();
    return json;
}

} // namespace fxp::quant
