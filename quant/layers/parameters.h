#pragma once

#include "quant/layers/layer.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fxp::quant {

/// The parameters of a module of which nothing else is known: a slot for each, and no computation.
class ParametersLayer final : public Layer {
  public:
    static constexpr auto kType = "parameters";

    explicit ParametersLayer(std::string path) : Layer(kType, std::move(path)) {}

    /// A parameter in the format of the slot of that name. Biases and what a norm adds have a bias's bits.
    Value add(const std::string& name, Value parameter, Builder& run);

  private:
    std::vector<std::unique_ptr<Slot>> m_slots;
};

} // namespace fxp::quant
