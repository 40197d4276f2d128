#include "quant/calibrate/clipping.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace fxp::quant {

namespace {

constexpr std::size_t kBins = 2048;
/// The least probability of a level. An empty last bin gets the outliers and would otherwise have probability 0, which
/// would make every threshold infinitely bad.
constexpr double kLeastShare = 1e-6;

/// The divergence D(p ‖ q) of the histogram cut after `cut` bins into `levels` levels.
double divergence(const std::vector<double>& histogram, const std::vector<double>& tailFrom, std::size_t cut,
                  std::size_t levels) {
    const double outside = tailFrom[cut];
    const double whole = tailFrom[0], inside = whole - outside;
    if (inside <= 0)
        return std::numeric_limits<double>::infinity();
    double sum = 0;
    for (std::size_t level = 0; level < levels; ++level) {
        const std::size_t begin = level * cut / levels, end = (level + 1) * cut / levels;
        double count = 0, used = 0;
        for (std::size_t i = begin; i < end; ++i) {
            count += histogram[i];
            used += histogram[i] > 0;
        }
        for (std::size_t i = begin; i < end; ++i) {
            const double p = (histogram[i] + (i + 1 == cut ? outside : 0)) / whole;
            if (p == 0)
                continue;
            const double q = histogram[i] > 0 ? count / used / inside : 0;
            sum += p * std::log(p / std::max(q, kLeastShare));
        }
    }
    return sum;
}

} // namespace

ValueRange percentileRange(const std::vector<at::Tensor>& parts, double percent, const std::string& where) {
    if (!(percent > 0 && percent <= 100))
        throw Error(where, "the percentile is " + std::to_string(percent), "give more than 0 and at most 100");
    std::vector<float> values;
    for (const at::Tensor& part : parts) {
        const at::Tensor flat = part.contiguous();
        const auto* data = flat.data_ptr<float>();
        std::copy_if(data, data + flat.numel(), std::back_inserter(values), [](float v) { return std::isfinite(v); });
    }
    if (values.empty())
        return {};
    const auto last = static_cast<double>(values.size() - 1);
    const double tail = (1 - percent / 100) / 2 * last;
    const auto valueAt = [&](double rank) {
        const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank);
        std::nth_element(values.begin(), place, values.end());
        return static_cast<double>(*place);
    };
    const double low = valueAt(std::floor(tail));
    return {low, valueAt(std::ceil(last - tail))};
}

ValueRange leastDivergenceRange(const std::vector<at::Tensor>& parts, const ValueRange& range, double levels) {
    const double largest = std::max(std::abs(range.low), std::abs(range.high));
    if (levels >= static_cast<double>(kBins) || largest == 0 || !std::isfinite(largest))
        return range;
    std::vector<double> histogram(kBins, 0);
    const double perUnit = static_cast<double>(kBins) / largest;
    for (const at::Tensor& part : parts) {
        const at::Tensor flat = part.contiguous();
        const auto* data = flat.data_ptr<float>();
        for (std::int64_t i = 0; i < flat.numel(); ++i) {
            const double place = std::abs(static_cast<double>(data[i])) * perUnit;
            if (place > 0 && std::isfinite(place)) // every format has the value zero
                ++histogram[std::min(kBins - 1, static_cast<std::size_t>(place))];
        }
    }
    std::vector<double> tailFrom(kBins + 1, 0);
    for (std::size_t i = kBins; i-- > 0;)
        tailFrom[i] = tailFrom[i + 1] + histogram[i];
    const auto count = static_cast<std::size_t>(std::max(1.0, levels));
    std::size_t best = kBins;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t cut = std::max<std::size_t>(count, 8); cut <= kBins; ++cut) {
        const double d = divergence(histogram, tailFrom, cut, count);
        if (d <= least) {
            least = d;
            best = cut;
        }
    }
    const double threshold = static_cast<double>(best) / perUnit;
    return {std::max(range.low, -threshold), std::min(range.high, threshold)};
}

} // namespace fxp::quant
