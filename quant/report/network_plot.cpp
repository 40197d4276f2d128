#include "quant/report/network_plot.h"

#include "quant/engine/thresholds.h"
#include "quant/report/html_text.h"
#include "quant/report/report_numbers.h"

#include <algorithm>
#include <cmath>

namespace fxp::quant {

namespace {

constexpr double kHeight = 90;
constexpr double kFullSqnr = 60; ///< dB; what is better is no higher

const char* lookOf(Grade grade) {
    return grade == Grade::Good ? "good" : grade == Grade::Weak ? "weak" : "bad";
}

std::string bar(const ReportSubject& subject, std::size_t slot, double x, double width) {
    const Figures& f = subject.result.slots[slot]->figures;
    const double sqnr = f.referenceSqnr();
    const char* look = lookOf(gradeOfSqnr(sqnr));
    const double share = std::isnan(sqnr) ? 0 : std::clamp(sqnr / kFullSqnr, 0.02, 1.0);
    const double height = std::max(1.0, share * kHeight);
    const auto rectangle = [&](double y, double tall, const char* kind) {
        return "<rect x=\"" + exactNumber(x) + "\" y=\"" + exactNumber(std::round(y * 100) / 100) + "\" width=\"" +
               exactNumber(width) + "\" height=\"" + exactNumber(std::round(tall * 100) / 100) + "\" class=\"" + kind +
               "\"/>";
    };
    std::string svg = "<a href=\"#t" + std::to_string(slot) + "\"><title>" + htmlText(subject.slots[slot].path) + ": " +
                      fixedNumber(sqnr, 1) + " dB against float";
    if (f.overflow() > 0)
        svg += ", overflow " + fixedNumber(100 * f.overflowShare(), 2) + " %";
    svg += "</title>" + rectangle(kHeight - height, height, look);
    if (f.overflow() > 0)
        svg += rectangle(kHeight - 6, 6, "over");
    return svg + "</a>";
}

} // namespace

std::string networkPlot(const ReportSubject& subject) {
    std::string bars;
    double x = 0;
    for (std::size_t i = 0; i < subject.slots.size(); ++i) {
        if (!subject.shows(i))
            continue;
        bars += bar(subject, i, x, 5);
        x += 6;
    }
    return "<svg class=\"network\" viewBox=\"0 0 " + exactNumber(std::max(x, 300.0)) +
           " 92\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"SQNR against float along the network\">" +
           bars + "</svg>";
}

} // namespace fxp::quant
