#include "quant/report/csv_report.h"

#include "quant/core/notation.h"
#include "quant/report/report_numbers.h"

#include <initializer_list>

namespace fxp::quant {

namespace {

std::string cell(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos)
        return text;
    std::string quoted = "\"";
    for (const char letter : text)
        quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
    return quoted + '"';
}

std::string line(std::initializer_list<std::string> cells) {
    std::string text;
    for (const std::string& each : cells)
        text += (text.empty() ? "" : ",") + cell(each);
    return text + "\r\n";
}

std::string shapeText(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t size : shape)
        text += (text.empty() ? "" : "x") + std::to_string(size);
    return text;
}

std::string tensorLine(const SlotInfo& slot, const SlotResult& result) {
    const Figures& f = result.figures;
    const QType& type = result.format;
    const bool fixed = type.isComplete();
    const auto optional = [](const std::optional<int>& bits) { return bits ? std::to_string(*bits) : std::string(); };
    return line({slot.path,
                 slot.layerType,
                 slot.parameter ? "parameter" : "activation",
                 shapeText(slot.shape),
                 write(type, Notation::SignIntegerFraction),
                 optional(type.totalBits),
                 optional(type.fractionalBits),
                 fixed ? std::string(name(type.rounding)) : "",
                 fixed ? std::string(name(type.overflow)) : "",
                 std::to_string(f.count),
                 std::to_string(f.nan),
                 std::to_string(f.inf),
                 exactNumber(f.min),
                 exactNumber(f.max),
                 exactNumber(f.mean()),
                 exactNumber(f.deviation()),
                 std::to_string(f.overflowLow),
                 std::to_string(f.overflowHigh),
                 std::to_string(f.underflow),
                 exactNumber(result.localFigures.sqnr()),
                 exactNumber(f.referenceSqnr()),
                 exactNumber(f.mse()),
                 exactNumber(f.maxError),
                 fixed ? exactNumber(f.bias(type.lsb())) : "",
                 fixed ? exactNumber(f.outwardBias(type.lsb())) : ""});
}

} // namespace

std::string csvReport(const ReportSubject& subject) {
    std::string text = line({"tensor",
                             "layer_type",
                             "kind",
                             "shape",
                             "format",
                             "total_bits",
                             "fractional_bits",
                             "rounding",
                             "overflow",
                             "count",
                             "nan",
                             "inf",
                             "min",
                             "max",
                             "mean",
                             "deviation",
                             "overflow_low",
                             "overflow_high",
                             "underflow",
                             "local_sqnr_db",
                             "reference_sqnr_db",
                             "mse",
                             "max_error",
                             "bias_lsb",
                             "outward_bias_lsb"});
    for (std::size_t i = 0; i < subject.slots.size(); ++i) {
        if (subject.shows(i))
            text += tensorLine(subject.slots[i], *subject.result.slots[i]);
    }
    return text;
}

} // namespace fxp::quant
