#include "quant/report/word_plot.h"

#include "quant/report/report_numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace fxp::quant {

namespace {

constexpr int kMostColumns = 40;
constexpr double kWidth = 640, kTop = 34, kBottom = 128;

struct Column {
    int exponent = 0;
    std::int64_t negative = 0, positive = 0;
    std::int64_t count() const { return negative + positive; }
};

/// Columns from the greatest exponent down: those with values and those with bits.
std::vector<Column> columnsOf(const Histograms& histograms, const QType& type) {
    int greatest = -10'000, least = 10'000;
    const auto include = [&](int exponent) {
        greatest = std::max(greatest, exponent);
        least = std::min(least, exponent);
    };
    const auto counts = [&](int biased) {
        return Column{biased - kExponentBias, histograms.log2[static_cast<std::size_t>(biased + kLog2Bins / 2)],
                      histograms.log2[static_cast<std::size_t>(biased)]};
    };
    for (int biased = 0; biased < kLog2Bins / 2; ++biased) {
        if (counts(biased).count() > 0)
            include(biased - kExponentBias);
    }
    if (type.hasPoint()) {
        include(type.integerBits() - 1);
        include(-*type.fractionalBits);
    }
    std::vector<Column> columns;
    for (int exponent = greatest; exponent >= least; --exponent) {
        const int biased = exponent + kExponentBias;
        const Column column = biased >= 0 && biased < kLog2Bins / 2 ? counts(biased) : Column{exponent};
        if (static_cast<int>(columns.size()) < kMostColumns) {
            columns.push_back({exponent, column.negative, column.positive});
        } else {
            columns.back().negative += column.negative;
            columns.back().positive += column.positive;
        }
    }
    if (!columns.empty() && columns.back().exponent > least)
        columns.back().exponent = least; // it stands for all of them
    return columns;
}

std::string attribute(const char* name, double value) {
    return std::string(" ") + name + "=\"" + exactNumber(std::round(value * 100) / 100) + '"';
}

std::string rectangle(double x, double y, double width, double height, const std::string& look) {
    return "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", width) + attribute("height", height) +
           " class=\"" + look + "\"/>";
}

std::string label(double x, double y, const std::string& text, const char* look) {
    return "<text" + attribute("x", x) + attribute("y", y) + " class=\"" + look + "\">" + text + "</text>";
}

std::string power(int exponent) {
    static const std::array digits{"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    std::string text = exponent < 0 ? "2⁻" : "2";
    for (const char digit : std::to_string(std::abs(exponent)))
        text += digits[static_cast<std::size_t>(digit - '0')];
    return text;
}

} // namespace

std::string wordPlot(const Histograms& before, const QType& type) {
    const std::vector<Column> columns = columnsOf(before, type);
    if (columns.empty())
        return {};
    std::int64_t most = 1;
    for (const Column& column : columns)
        most = std::max(most, column.count());
    const double step = std::min(32.0, kWidth / static_cast<double>(columns.size()));
    const double used = step * static_cast<double>(columns.size());
    std::string svg =
        "<svg viewBox=\"0 0 640 150\" role=\"img\" aria-label=\"Bits of the format over the magnitudes of the "
        "values\">";
    const int least = columns.back().exponent;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const Column& column = columns[i];
        const double x = step * static_cast<double>(i);
        const bool gathers = i + 1 == columns.size() && i > 0 && columns[i - 1].exponent != least + 1;
        const int exponent = gathers ? columns[i - 1].exponent - 1 : column.exponent;
        const bool over = type.hasPoint() && exponent >= type.integerBits() - 1;
        const bool lost = type.hasPoint() && exponent < -*type.fractionalBits;
        const std::string look = over ? "over" : lost ? "lost" : "";
        const double scale = (kBottom - kTop) / static_cast<double>(most);
        const double dark = static_cast<double>(column.positive) * scale;
        const double light = static_cast<double>(column.negative) * scale;
        if (column.positive > 0)
            svg += rectangle(x + 1, kBottom - dark, step - 2, dark, "pos " + look);
        if (column.negative > 0)
            svg += rectangle(x + 1, kBottom - dark - light, step - 2, light, "neg " + look);
        if (i % (step < 20 ? 4u : 2u) == 0 || gathers)
            svg += label(x + step / 2, 143, (gathers ? "≤" : "") + power(exponent), "axis");
        const bool bit =
            type.hasPoint() && exponent <= type.integerBits() - 1 && exponent >= -*type.fractionalBits && !gathers;
        if (bit) {
            const bool sign = exponent == type.integerBits() - 1;
            svg += rectangle(x + 1, 4, step - 2, 20, sign ? "sign" : exponent >= 0 ? "whole" : "fraction");
            if (sign)
                svg += label(x + step / 2, 18, "±", "bit");
        }
    }
    if (type.hasPoint()) { // where the binary point stands: between 2⁰ and 2⁻¹
        const double x = step * static_cast<double>(columns.front().exponent + 1);
        if (x >= 0 && x <= used)
            svg += "<path d=\"M" + exactNumber(x) + " 2V" + exactNumber(kBottom) + "\" class=\"point\"/>";
    }
    svg += rectangle(0, kBottom, used, 0.7, "base");
    return svg + "</svg>";
}

} // namespace fxp::quant
