#include "quant/import/checked_network.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <utility>

namespace fxp::quant {

namespace {

class CheckedNetwork final : public Network {
  public:
    CheckedNetwork(std::unique_ptr<Network> network, std::string file, FileCheck check)
        : m_network(std::move(network)), m_file(std::move(file)), m_check(std::move(check)) {}

    const std::vector<ModuleInfo>& modules() const override { return m_network->modules(); }
    const std::vector<ArgumentInfo>& arguments() const override { return m_network->arguments(); }
    std::vector<std::string> results() const override { return m_network->results(); }
    bool isWeightsOnly() const override { return m_network->isWeightsOnly(); }
    Recording record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& stop) override {
        m_check(m_file, stop, packArguments(arguments));
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
};

} // namespace

std::unique_ptr<Network> checkedNetwork(std::unique_ptr<Network> network, const std::string& file, FileCheck check) {
    return std::make_unique<CheckedNetwork>(std::move(network), file, std::move(check));
}

std::string packArguments(const std::vector<std::optional<at::IValue>>& arguments) {
    std::vector<at::IValue> items;
    for (const auto& argument : arguments) {
        at::IValue value = argument.value_or(at::IValue());
        if (value.isTensor() && value.toTensor().defined())
            value = value.toTensor().clone(); // a view would take its whole storage along
        items.push_back(c10::ivalue::Tuple::create({at::IValue(argument.has_value()), std::move(value)}));
    }
    const std::vector<char> bytes = torch::jit::pickle_save(c10::ivalue::Tuple::create(std::move(items)));
    return {bytes.begin(), bytes.end()};
}

std::vector<std::optional<at::IValue>> unpackArguments(const std::string& bytes) {
    const at::IValue items = torch::jit::pickle_load({bytes.begin(), bytes.end()});
    std::vector<std::optional<at::IValue>> arguments;
    for (const at::IValue& item : items.toTupleRef().elements()) {
        const auto& parts = item.toTupleRef().elements();
        arguments.push_back(parts[0].toBool() ? std::optional(parts[1]) : std::nullopt);
    }
    return arguments;
}

} // namespace fxp::quant
