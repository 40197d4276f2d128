#pragma once

#include "quant/graph/network.h"
#include "quant/ops/builder.h"
#include "support/golden.h"

#include <functional>
#include <memory>
#include <string>

namespace fxp::test {

/// A network of one layer, built from code: what the engine's tests run without a file.
class LayerNetwork final : public quant::Network {
  public:
    using Forward = std::function<std::vector<quant::Value>(quant::Builder&, const std::vector<quant::Value>&)>;
    LayerNetwork(std::vector<std::string> inputs, Forward forward);

    const std::vector<quant::ModuleInfo>& modules() const override { return m_modules; }
    const std::vector<quant::ArgumentInfo>& arguments() const override { return m_arguments; }
    quant::Recording record(const std::vector<std::optional<at::IValue>>& arguments,
                            const quant::StopRequest& stop = {}) override;

  private:
    std::vector<quant::ModuleInfo> m_modules;
    std::vector<quant::ArgumentInfo> m_arguments;
    Forward m_forward;
};

/// The layer of a golden case, at the path `layer`.
std::unique_ptr<quant::Network> goldenNetwork(const Json& goldenCase);

/// Its tensors: the inputs, then the initial states h0 and c0 where the case has them.
std::vector<at::Tensor> goldenInputs(const Json& goldenCase);

} // namespace fxp::test
