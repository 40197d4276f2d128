#include "quant/engine/predictions.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

namespace {

/// Of the elements from `begin` on, those that are equal.
double share(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b, std::size_t begin = 0) {
    std::int64_t equal = 0;
    for (std::size_t i = begin; i < a.size(); ++i)
        equal += a[i] == b[i];
    return static_cast<double>(equal) / static_cast<double>(a.size() - begin);
}

std::optional<double> heldOutShare(const std::vector<std::int32_t>& classes, const Predictions& predictions) {
    const auto begin = static_cast<std::size_t>(predictions.chosenOn);
    if (predictions.labels.empty() || classes.empty() || begin == 0 || begin >= classes.size())
        return std::nullopt;
    return share(classes, predictions.labels, begin);
}

std::vector<std::int32_t> classes(const std::vector<at::Tensor>& parts) {
    std::vector<std::int32_t> result;
    for (const at::Tensor& part : parts) {
        const at::Tensor winners = part.argmax(1).to(at::kInt).contiguous();
        result.insert(result.end(), winners.data_ptr<std::int32_t>(),
                      winners.data_ptr<std::int32_t>() + winners.numel());
    }
    return result;
}

} // namespace

std::optional<double> Predictions::agreement() const {
    return fromFixed.empty() ? std::nullopt : std::optional(share(fromFloat, fromFixed));
}
std::optional<double> Predictions::accuracyFloat() const {
    return labels.empty() || fromFloat.empty() ? std::nullopt : std::optional(share(fromFloat, labels));
}
std::optional<double> Predictions::accuracyFixed() const {
    return labels.empty() || fromFixed.empty() ? std::nullopt : std::optional(share(fromFixed, labels));
}

std::optional<double> Predictions::heldOutAccuracyFloat() const {
    return heldOutShare(fromFloat, *this);
}
std::optional<double> Predictions::heldOutAccuracyFixed() const {
    return heldOutShare(fromFixed, *this);
}

Predictions predict(const std::vector<at::Tensor>& fromFloat, const std::vector<at::Tensor>& fromQuantized,
                    int dimension, std::int64_t count, const std::vector<std::int32_t>& labels) {
    Predictions result;
    std::int64_t rows = 0;
    const bool classifies = std::ranges::all_of(fromQuantized, [&](const at::Tensor& t) {
        rows += t.dim() > 0 ? t.size(0) : 1;
        return t.dim() == 2 && t.size(1) > 1 && t.scalar_type() == at::kFloat;
    });
    const auto say = [&](const std::string& note) {
        if (!labels.empty())
            result.note = note + ": no accuracy";
    };
    if (!classifies) {
        say("the first output is not [samples, classes]");
    } else if (rows != count || dimension > 0 || dimension == -1) {
        say("the first output has " + std::to_string(rows) + " rows for " + std::to_string(count) + " samples");
    } else {
        result.fromFloat = classes(fromFloat);
        result.fromFixed = classes(fromQuantized);
        const std::int64_t classCount = fromFloat.empty() ? 0 : fromFloat.front().size(1);
        const auto other =
            std::ranges::find_if(labels, [&](std::int32_t label) { return label < 0 || label >= classCount; });
        if (other != labels.end())
            say("the label of sample " + std::to_string(other - labels.begin()) + " is " + std::to_string(*other) +
                ", and the classes are 0 to " + std::to_string(classCount - 1));
        else if (static_cast<std::int64_t>(labels.size()) == rows)
            result.labels = labels;
        else
            say("there are " + std::to_string(labels.size()) + " labels for " + std::to_string(rows) + " samples");
    }
    return result;
}

} // namespace fxp::quant
