#include "quant/import/checked_network.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <utility>

namespace fxp::quant {

namespace {

class CheckedNetwork final : public Network {
  public:
    CheckedNetwork(std::unique_ptr<Network> network, std::string file, FileCheck check, std::string method)
        : m_network(std::move(network)), m_file(std::move(file)), m_check(std::move(check)),
          m_method(std::move(method)) {}

    const std::vector<ModuleInfo>& modules() const override { return m_network->modules(); }
    const std::vector<ArgumentInfo>& arguments() const override { return m_network->arguments(); }
    std::vector<std::string> results() const override { return m_network->results(); }
    bool isWeightsOnly() const override { return m_network->isWeightsOnly(); }
    Recording record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop) override {
        // The first one is enough: what follows are the same operators on more samples, and a process costs its time.
        if (!m_borne)
            m_check(m_file, stop, packCall({m_method, arguments}));
        m_borne = true;
        return m_network->record(arguments, stop);
    }
    void refuseLayer(const std::string& path) override { m_network->refuseLayer(path); }
    void setFolded(const std::set<std::string>& norms) override { m_network->setFolded(norms); }
    NamedTensors parameters() const override { return m_network->parameters(); }
    void setParameters(const NamedTensors& values) override { m_network->setParameters(values); }
    std::map<std::string, QType> formats() const override { return m_network->formats(); }

  private:
    std::unique_ptr<Network> m_network;
    std::string m_file;
    FileCheck m_check;
    std::string m_method;
    bool m_borne = false; ///< the check bore a call
};

} // namespace

std::unique_ptr<Network> checkedNetwork(std::unique_ptr<Network> network, const std::string& file, FileCheck check,
                                        const std::string& method) {
    return std::make_unique<CheckedNetwork>(std::move(network), file, std::move(check), method);
}

std::string packCall(const ModelCall& call) {
    std::vector<at::IValue> items{call.method};
    for (const auto& argument : call.arguments) {
        at::IValue value = argument.value_or(at::IValue());
        if (value.isTensor() && value.toTensor().defined())
            value = value.toTensor().clone(); // a view would take its whole storage along
        items.push_back(c10::ivalue::Tuple::create({at::IValue(argument.has_value()), std::move(value)}));
    }
    const std::vector<char> bytes = torch::jit::pickle_save(c10::ivalue::Tuple::create(std::move(items)));
    return {bytes.begin(), bytes.end()};
}

ModelCall unpackCall(const std::string& bytes) {
    const at::IValue items = torch::jit::pickle_load({bytes.begin(), bytes.end()});
    ModelCall call;
    const auto& elements = items.toTupleRef().elements();
    call.method = elements[0].toStringRef();
    for (std::size_t i = 1; i < elements.size(); ++i) {
        const auto& parts = elements[i].toTupleRef().elements();
        call.arguments.push_back(parts[0].toBool() ? std::optional(parts[1]) : std::nullopt);
    }
    return call;
}

} // namespace fxp::quant
