#include "quant/core/error.h"
#include "quant/engine/session_data.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace fxp::quant {

Samples Session::randomSamples(std::uint64_t seed,
                               const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes) const {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    Samples samples;
    std::string without;
    for (const ArgumentInfo& argument : m_network->arguments()) {
        if (argument.kind != ArgumentInfo::Kind::Tensor)
            continue;
        std::optional<std::vector<std::int64_t>> shape;
        for (const auto& [name, given] : shapes) {
            if (name == argument.name || (name.empty() && !argument.optional && !shape))
                shape = given;
        }
        if (!shape && !argument.optional)
            shape = argument.randomShape();
        if (shape && argument.whole)
            samples.inputs.items.emplace_back(argument.name, toArray(at::randint(0, 2, *shape, generator, at::kLong)));
        else if (shape)
            samples.inputs.items.emplace_back(argument.name, toArray(at::randn(*shape, generator)));
        else if (!argument.optional)
            without += (without.empty() ? "" : ", ") + argument.name;
    }
    if (!without.empty())
        throw Error(without, "has no shape for random values, and the file tells none",
                    "give --shape NAME=16x1x28x28 for each, or real inputs");
    return samples;
}

} // namespace fxp::quant
