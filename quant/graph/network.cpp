#include "quant/graph/network.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

void Network::setFolded(const std::set<std::string>& norms) {
    if (!norms.empty())
        throw Error(*norms.begin(), "this kind of model has no batch norm to fold", "leave it as it is");
}

void Network::setParameters(const NamedTensors& values) {
    const NamedTensors own = parameters();
    std::vector<std::pair<at::Tensor, at::Tensor>> copies;
    for (const auto& [name, value] : values) {
        const auto target = std::ranges::find(own, name, [](const auto& item) { return item.first; });
        if (target == own.end())
            throw Error(name, "the model has no parameter of that name", "use weights of this model");
        if (target->second.sizes() != value.sizes())
            throw Error(name,
                        "has the shape " + c10::str(value.sizes()) + ", and the model's " +
                            c10::str(target->second.sizes()),
                        "use weights of this model");
        copies.emplace_back(target->second, value);
    }
    const at::NoGradGuard noGrad;
    for (auto& [target, value] : copies)
        target.copy_(value);
}

} // namespace fxp::quant
