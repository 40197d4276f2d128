#include "quant/export/refusal.h"

namespace fxp::quant {

std::string whyNoWords(const QType& type) {
    if (type.isFloat())
        return "stays float";
    if (type.affine)
        return "has a real-valued scale";
    if (type.isPartial())
        return type.totalBits ? "has no fractional_bits" : "has no total_bits";
    return {};
}

std::string listOf(const std::vector<Refusal>& refusals) {
    std::string text;
    for (const Refusal& refusal : refusals)
        text += (text.empty() ? "" : ", ") + refusal.path + " (" + refusal.target + ": " + refusal.reason + ")";
    return text;
}

} // namespace fxp::quant
