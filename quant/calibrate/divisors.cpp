#include "quant/calibrate/divisors.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace fxp::quant {

namespace {

struct Cost {
    double error = 0; ///< Σ of squared relative errors of the quotient
    bool zeros = false;
};

constexpr std::int64_t kBlock = 16'384;

Cost costOf(std::span<const float> values, std::span<const float> quantized, const Division& division) {
    Cost cost;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double wanted = values[i], got = quantized[i];
        if (wanted == 0 || !std::isfinite(wanted) || (division.eps && wanted < 0))
            continue;
        cost.zeros = cost.zeros || got == 0;
        // The quotient's share of what it should be.
        const double share =
            division.eps ? std::sqrt((wanted + *division.eps) / std::max(got + *division.eps, 0.0)) : wanted / got;
        cost.error += std::isfinite(share) ? (share - 1) * (share - 1) : std::numeric_limits<double>::infinity();
    }
    return cost;
}

Cost costOf(const TensorParts& parts, const QType& type, const Division& division, const std::string& where,
            std::uint64_t seed, const StopRequest& stop) {
    Cost cost;
    for (const TensorPart& part : parts) {
        stopHere(stop);
        const at::Tensor x = part.values.contiguous(), y = at::empty_like(x);
        QuantizeJob job = jobOf(part, x, type, where, seed);
        job.y = y.data_ptr<float>();
        quantizeValues(job);
        // Blocks of fixed length, each summed by itself: the same sum on any number of threads.
        std::vector<Cost> blocks(static_cast<std::size_t>((job.count + kBlock - 1) / kBlock));
        at::parallel_for(0, static_cast<std::int64_t>(blocks.size()), 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t block = begin; block < end; ++block) {
                const auto first = static_cast<std::size_t>(block * kBlock);
                const auto count = static_cast<std::size_t>(std::min(kBlock, job.count - block * kBlock));
                blocks[static_cast<std::size_t>(block)] =
                    costOf(std::span(job.x + first, count), std::span(job.y + first, count), division);
            }
        });
        for (const Cost& block : blocks) {
            cost.error += block.error;
            cost.zeros = cost.zeros || block.zeros;
        }
    }
    return cost;
}

QType finer(QType type) {
    if (type.affine) {
        for (double& scale : type.affine->scale)
            scale /= 2;
    } else {
        ++*type.fractionalBits;
    }
    return type;
}

} // namespace

Division divisionBy(const Program& program, ValueId value) {
    Division division;
    for (const Step& step : program.steps) {
        if (std::ranges::find(step.inputs, value) == step.inputs.end())
            continue;
        const bool isNorm = step.op.find("batch_norm") != std::string::npos;
        for (const NamedArgument& argument : step.arguments) {
            // batch_norm's last real number is eps; the one before, momentum.
            const auto* number = std::get_if<double>(&argument.value.value);
            if (number && (argument.name == "eps" || (isNorm && argument.name.empty())))
                division.eps = *number;
        }
        if (step.op.find("::sqrt") != std::string::npos || step.op.find("::rsqrt") != std::string::npos)
            division.eps = 0;
        if (division.eps)
            break;
    }
    return division;
}

QType keptFromZero(const TensorParts& parts, const QType& fitted, const Division& division, const std::string& where,
                   std::uint64_t seed, const StopRequest& stop) {
    constexpr int kTries = 160; // from the greatest float32 to the least
    QType trial = fitted, best = fitted;
    Cost cost = costOf(parts, trial, division, where, seed, stop);
    double least = cost.error;
    for (int i = 0; i < kTries && cost.zeros; ++i) {
        if (trial.hasPoint() && *trial.fractionalBits >= kMaxFractionalBits)
            break;
        trial = finer(trial);
        cost = costOf(parts, trial, division, where, seed, stop);
        if (cost.error < least || (!cost.zeros && std::isinf(least))) {
            least = cost.error;
            best = trial;
        }
    }
    return best;
}

} // namespace fxp::quant
