#include "quant/core/error.h"
#include "quant/engine/model_arguments.h"
#include "quant/engine/session_data.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace fxp::quant {

Samples Session::randomSamples(std::uint64_t seed, std::int64_t count,
                               const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes,
                               const std::function<bool()>& stop) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    const auto make = [&](const std::vector<std::int64_t>& tail) {
        Samples samples;
        generator.set_current_seed(seed);
        for (const ArgumentInfo& argument : m_network->arguments()) {
            if (argument.optional)
                continue;
            auto shape = tail;
            shape.insert(shape.begin(), count);
            for (const auto& [name, given] : shapes) {
                if (name == argument.name || name.empty())
                    shape = given;
            }
            if (argument.kind == ArgumentInfo::Kind::Tensor)
                samples.inputs.items.emplace_back(argument.name, toArray(at::randn(shape, generator)));
            else
                throw Error(argument.name, "random inputs are tensors, and the model takes a number here",
                            "give it with the inputs");
        }
        return samples;
    };
    if (!shapes.empty())
        return make({});

    // TorchScript stores no shapes. The usual ones are tried, with the numbers of channels and features that the
    // parameters show.
    std::vector<std::vector<std::int64_t>> tails;
    for (const std::int64_t channels : {1, 3, 4, 2})
        for (const std::int64_t side : {8, 16, 24, 28, 32, 48, 64, 96, 128, 160, 224})
            tails.push_back({channels, side, side});
    for (std::int64_t features = 1; features <= 4096; features = features < 128 ? features + 1 : features * 2)
        tails.push_back({features});
    for (const std::int64_t features : {8, 16, 32, 64, 80, 128, 256, 512, 768})
        tails.push_back({16, features});
    for (const auto& tail : tails) {
        try {
            Samples samples = make(tail);
            m_network->record(bindArguments(m_network->arguments(), samples.inputs), stop);
            return samples;
        } catch (const Error& error) {
            if (error.problem.find("random inputs are tensors") != std::string::npos)
                throw;
        } catch (const std::exception&) {
            // The model does not take this shape: the next may fit.
        }
    }
    throw Error("random", "no usual input shape fits the model", "give --shape, or real inputs");
}

} // namespace fxp::quant
