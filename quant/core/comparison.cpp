#include "quant/core/comparison.h"

#include "quant/core/figures.h"
#include "quant/core/kernels/block.h"

#include <algorithm>
#include <cmath>

namespace fxp::quant {

void Comparison::add(const float* reference, const float* value, std::int64_t elements, std::int64_t perSample) {
    const std::int64_t sample = perSample > 0 ? perSample : elements;
    std::int64_t begin = 0;
    while (begin < elements) {
        const std::int64_t sampleEnd = begin - begin % sample + sample;
        const std::int64_t end = std::min({begin + kFigureBlock, sampleEnd, elements});
        double squares[kSumLanes] = {}, squaredErrors[kSumLanes] = {};
        for (std::int64_t i = begin; i < end; ++i) {
            const auto lane = static_cast<std::size_t>(i - begin) % kSumLanes;
            const double r = reference[i], v = value[i];
            if (r == v && std::isinf(r))
                continue;
            const double error = std::abs(v - r);
            squares[lane] += r * r;
            squaredErrors[lane] += error * error;
            nan += std::isnan(error);
            if (isGreaterError(error, maxError))
                maxError = error;
        }
        signal.add(sumOfLanes(squares));
        noise.add(sumOfLanes(squaredErrors));
        begin = end;
    }
    count += elements;
}

void Comparison::add(const Comparison& other) {
    signal.add(other.signal);
    noise.add(other.noise);
    if (isGreaterError(other.maxError, maxError))
        maxError = other.maxError;
    count += other.count;
    nan += other.nan;
}

double Comparison::mse() const {
    return count > 0 ? noise / static_cast<double>(count) : 0.0;
}

double Comparison::sqnr() const {
    return decibels(signal, noise);
}

} // namespace fxp::quant
