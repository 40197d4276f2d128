#include "quant/report/html_report.h"

#include "quant/core/notation.h"
#include "quant/core/version.h"
#include "quant/engine/thresholds.h"
#include "quant/io/report.h"
#include "quant/report/html_text.h"
#include "quant/report/network_plot.h"
#include "quant/report/report_numbers.h"
#include "quant/report/word_plot.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <vector>

namespace fxp::quant {

namespace {

constexpr auto kStyle = R"(
:root{--text:#1b1f24;--muted:#626b76;--line:#dfe3e8;--page:#fff;--blue:#2f6bd0;--light:#97b5e8;--red:#c92a2a;--pale:#e59a9a;--amber:#d9a441;--grey:#aab1ba}
@media (prefers-color-scheme:dark){:root{--text:#e6e9ed;--muted:#9aa4b0;--line:#3a414a;--page:#1c2026;--blue:#5b93ee;--light:#38568a;--red:#f07070;--pale:#8c3f3f;--amber:#c79a45;--grey:#5d666f}}
body{font:14px/1.45 Inter,"Helvetica Neue",Arial,sans-serif;color:var(--text);background:var(--page);max-width:1080px;margin:24px auto;padding:0 16px}
h1{font-size:24px;margin:0}h2{font-size:17px;margin:32px 0 8px}h3{font-size:14px;margin:24px 0 2px;overflow-wrap:anywhere}
p{margin:4px 0}.muted{color:var(--muted)}.red{color:var(--red);font-weight:600}
table{border-collapse:collapse}th,td{text-align:left;padding:3px 14px 3px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:500;color:var(--muted)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td{overflow-wrap:break-word}.mono{overflow-wrap:anywhere}a{color:inherit}code,pre,.mono{font:12.5px/1.4 "JetBrains Mono",Menlo,Consolas,monospace}
pre{overflow:auto;background:color-mix(in srgb,var(--line) 30%,transparent);padding:10px}
svg{display:block;width:100%;max-width:640px;height:auto}svg.network{max-width:none;height:92px}
text{font-size:10px;fill:var(--muted);text-anchor:middle}text.bit{font-size:12px;fill:var(--blue)}
.pos{fill:var(--blue)}.neg{fill:var(--light)}.pos.over,.over{fill:var(--red)}.neg.over{fill:var(--pale)}.lost{fill:var(--grey)}
.sign,.whole,.fraction{fill:none;stroke:var(--blue)}.sign{fill:var(--light);fill-opacity:.5}.fraction{stroke-opacity:.55}
.point{stroke:var(--text);stroke-dasharray:3 3;fill:none}.base{fill:var(--line)}
.good{fill:var(--light)}.weak{fill:var(--amber)}.bad{fill:var(--red)}
section{break-inside:avoid}
@page{size:A4 landscape;margin:12mm}
@media print{body{font-size:11px;max-width:none;margin:0}details{display:none}}
)";

std::string row(std::initializer_list<std::string> cells) {
    std::string html = "<tr>";
    for (const std::string& cell : cells)
        html += "<td>" + cell + "</td>";
    return html + "</tr>\n";
}

/// A tensor's path, with places where a line may end.
std::string pathText(const std::string& path) {
    std::string html;
    for (const char letter : htmlText(path))
        html += letter == '.' || letter == '_' ? std::string(1, letter) + "<wbr/>" : std::string(1, letter);
    return html;
}

std::string percent(const std::optional<double>& share) {
    return share ? fixedNumber(100 * *share, 2) + " %" : "–";
}

std::string decibelText(double value) {
    return std::isnan(value) ? "–" : value == INFINITY ? "no error" : fixedNumber(value, 1) + " dB";
}

std::string formatText(const QType& type) {
    const std::string text = write(type, Notation::SignIntegerFraction);
    return text.empty() ? "–" : htmlText(text);
}

std::string sourceTable(const ReportSubject& subject) {
    std::string html = "<h2>What was run</h2>\n<table>\n";
    const auto file = [&](const std::string& use, const std::string& fileName, const std::string& sha256) {
        html += row({use, htmlText(fileName), "<span class=\"mono muted\">" + htmlText(sha256) + "</span>"});
    };
    file("Model", subject.model.name, subject.model.sha256);
    for (const ReportedFile& each : subject.files)
        file(htmlText(each.use), each.name, each.sha256);
    html += row({"Number of samples", groupedNumber(subject.samples), ""});
    if (!subject.model.folded.empty()) {
        std::string names;
        for (const std::string& path : subject.model.folded)
            names += (names.empty() ? "" : ", ") + htmlText(path);
        html += row({"Folded batch norms", names, ""});
    }
    return html + row({"Program", "FxP Workbench " + htmlText(programVersion()), ""}) + "</table>\n";
}

std::string resultTable(const ReportSubject& subject) {
    std::string html = "<h2>Result</h2>\n<table>\n";
    const RunResult& result = subject.result;
    for (std::size_t i = 0; i < result.outputs.size(); ++i) {
        const OutputResult& output = result.outputs[i];
        html += row({result.outputs.size() == 1 ? "Output" : "Output " + std::to_string(i),
                     "SQNR " + decibelText(output.sqnr) + ", largest error " + shownNumber(output.maxError)});
    }
    const Predictions& predictions = result.predictions;
    if (predictions.agreement())
        html += row({"Same class as float", percent(predictions.agreement())});
    if (predictions.accuracyFloat())
        html += row({"Accuracy", percent(predictions.accuracyFloat()) + " float, " +
                                     percent(predictions.accuracyFixed()) + " fixed"});
    if (predictions.heldOutAccuracyFloat())
        html += row({"Accuracy on held-out samples", percent(predictions.heldOutAccuracyFloat()) + " float, " +
                                                         percent(predictions.heldOutAccuracyFixed()) + " fixed"});
    const WeightBits bits = weightBits(subject.slots, subject.formats);
    html += row({"Weights", groupedNumber(bits.fixed) + " bits; as float32 " + groupedNumber(bits.asFloat)});
    html += "</table>\n";
    std::vector<std::string> remarks;
    if (!result.collapse.empty())
        remarks.push_back("First below " + shownNumber(kCollapsedSqnr) + " dB: " + result.collapse);
    remarks.insert(remarks.end(), result.warnings.begin(), result.warnings.end());
    remarks.insert(remarks.end(), result.notes.begin(), result.notes.end());
    if (!predictions.note.empty())
        remarks.push_back(predictions.note);
    for (const std::string& remark : remarks)
        html += "<p class=\"red\">" + htmlText(remark) + "</p>\n";
    return html;
}

std::string overflowText(const Figures& f) {
    if (f.overflow() == 0)
        return "0";
    return "<span class=\"red\">" + groupedNumber(f.overflow()) + " (" + fixedNumber(100 * f.overflowShare(), 2) +
           " %)</span>";
}

std::string tensorTable(const ReportSubject& subject, const std::vector<char>& plotted) {
    std::string html = "<h2>Tensors</h2>\n<table>\n<tr><th>Tensor</th><th>Layer</th><th>Format</th><th "
                       "class=\"n\">Bits</th><th class=\"n\">Least</th><th class=\"n\">Greatest</th><th "
                       "class=\"n\">Overflow</th><th class=\"n\">To zero</th><th class=\"n\">SQNR alone</th><th "
                       "class=\"n\">Against float</th></tr>\n";
    for (std::size_t i = 0; i < subject.slots.size(); ++i) {
        if (!subject.shows(i))
            continue;
        const SlotInfo& slot = subject.slots[i];
        const SlotResult& result = *subject.result.slots[i];
        const Figures& f = result.figures;
        const std::string name = pathText(slot.path);
        const auto number = [](const std::string& text) { return "<td class=\"n\">" + text + "</td>"; };
        const auto bits = result.format.totalBits;
        const std::string target = "t" + std::to_string(i);
        html += plotted[i] ? "<tr><td><a href=\"#" + target + "\">" + name + "</a></td>"
                           : "<tr id=\"" + target + "\"><td>" + name + "</td>";
        html += "<td class=\"muted\">" + htmlText(slot.layerType) + "</td><td class=\"mono\">" +
                formatText(result.format) + "</td>" + number(bits ? std::to_string(*bits) : "–") +
                number(shownNumber(f.min)) + number(shownNumber(f.max)) + number(overflowText(f)) +
                number(groupedNumber(f.underflow)) + number(decibelText(result.localFigures.sqnr())) +
                number(decibelText(f.referenceSqnr())) + "</tr>\n";
    }
    return html + "</table>\n";
}

std::string tensorSection(const ReportSubject& subject, std::size_t i) {
    const SlotInfo& slot = subject.slots[i];
    const SlotResult& result = *subject.result.slots[i];
    const Figures& f = result.figures;
    const QType& type = result.format;
    std::string html = "<section id=\"t" + std::to_string(i) + "\"><h3>" + pathText(slot.path) + "</h3>\n<p>" +
                       "<span class=\"mono\">" + formatText(type) + "</span>";
    if (const std::string code = write(type, Notation::ApFixed); type.hasPoint() && !code.empty())
        html += " · <span class=\"mono\">" + htmlText(code) + "</span>";
    html += "</p>\n<p class=\"muted\">" + groupedNumber(f.count) + " values from " + shownNumber(f.min) + " to " +
            shownNumber(f.max);
    if (f.nan + f.inf > 0)
        html += ", of them " + groupedNumber(f.nan) + " NaN and " + groupedNumber(f.inf) + " Inf";
    html += " · overflow " + overflowText(f) + " · non-zero to zero " + groupedNumber(f.underflow) + " · SQNR alone " +
            decibelText(result.localFigures.sqnr()) + ", against float " + decibelText(f.referenceSqnr()) +
            " · largest error " + shownNumber(f.maxError);
    if (type.isComplete())
        html += " · bias " + fixedNumber(f.bias(type.lsb()), 3) + " LSB, outward " +
                fixedNumber(f.outwardBias(type.lsb()), 3) + " LSB";
    return html + "</p>\n" + wordPlot(f.before, type) + "</section>\n";
}

/// By slot, whether it gets a section.
std::vector<char> plottedSlots(const ReportSubject& subject) {
    std::vector<std::size_t> shown;
    for (std::size_t i = 0; i < subject.slots.size(); ++i) {
        if (subject.shows(i))
            shown.push_back(i);
    }
    const auto sqnr = [&](std::size_t i) {
        const double value = subject.result.slots[i]->figures.referenceSqnr();
        return std::isnan(value) ? -INFINITY : value; // no number at all is the worst
    };
    std::ranges::stable_sort(shown, {}, sqnr);
    std::vector<char> plotted(subject.slots.size(), 0);
    for (std::size_t n = 0; n < shown.size() && n < kPlottedTensors; ++n)
        plotted[shown[n]] = 1;
    return plotted;
}

} // namespace

std::string htmlReport(const ReportSubject& subject, const std::string& qconfig) {
    const std::vector<char> plotted = plottedSlots(subject);
    std::string html = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
                       "content=\"width=device-width\"/>\n<title>" +
                       htmlText(subject.model.name) + " in fixed point</title>\n<style>" + kStyle +
                       "</style></head>\n<body>\n<h1>" + htmlText(subject.model.name) + " in fixed point</h1>\n";
    html += sourceTable(subject) + resultTable(subject);
    html +=
        "<h2>Along the network</h2>\n<p class=\"muted\">SQNR of each tensor against the float model, in the order of "
        "computation; up to 60 dB. Amber below " +
        shownNumber(kWeakSqnr) + " dB, red below " + shownNumber(kBadSqnr) +
        " dB; a red foot where values overflow.</p>\n" + networkPlot(subject);
    html += tensorTable(subject, plotted);
    html += "<h2>Bits over the values</h2>\n<p class=\"muted\">How many values have each power of two as magnitude "
            "(dark: positive, light: negative), below the bits of the format. Red overflows, grey lies below the least "
            "bit.</p>\n";
    const auto sections = static_cast<std::size_t>(std::ranges::count(plotted, 1));
    if (sections == kPlottedTensors)
        html +=
            "<p class=\"muted\">The " + std::to_string(sections) + " tensors with the lowest SQNR against float.</p>\n";
    for (std::size_t i = 0; i < plotted.size(); ++i) {
        if (plotted[i])
            html += tensorSection(subject, i);
    }
    return html + "<h2>QConfig</h2>\n<details><summary>The formats as the QConfig file has them</summary>\n<pre>" +
           htmlText(qconfig) + "</pre></details>\n</body></html>\n";
}

} // namespace fxp::quant
