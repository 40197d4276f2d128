#include "quant/layers/parameters.h"

namespace fxp::quant {

Value ParametersLayer::add(const std::string& name, Value parameter, Builder& run) {
    const Scope scope(*this, run);
    const bool isBias = name.find("bias") != std::string::npos || name.starts_with("running_");
    m_slots.push_back(std::make_unique<Slot>(*this, name, isBias ? Role::Bias : Role::Weight));
    return quantizeLogged(run, *m_slots.back(), parameter);
}

} // namespace fxp::quant
