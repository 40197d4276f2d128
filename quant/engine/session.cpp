#include "quant/engine/session.h"

#include "quant/calibrate/calibrate.h"
#include "quant/core/error.h"
#include "quant/core/kernels/quantize_kernel.h"
#include "quant/engine/session_data.h"
#include "quant/graph/batch_norm_fold.h"
#include "quant/import/torchscript.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace fxp::quant {

Session::Session(std::unique_ptr<Network> network, SessionOptions options)
    : m_network(std::move(network)), m_options(options) {}

Session::~Session() = default;

const std::vector<ModuleInfo>& Session::modules() const {
    return m_network->modules();
}
const std::vector<ArgumentInfo>& Session::arguments() const {
    return m_network->arguments();
}

bool Session::hasSamples() const {
    return m_data != nullptr;
}
std::int64_t Session::sampleCount() const {
    return m_data ? m_data->count : 0;
}

std::shared_ptr<const Samples> Session::samples() const {
    return m_data ? m_data->samples : nullptr;
}

bool Session::setSamples(Samples samples, const RunControl& control) {
    return setSamples(std::make_shared<const Samples>(std::move(samples)), control);
}

const std::vector<SlotInfo>& Session::slots() const {
    static const std::vector<SlotInfo> kNone;
    return m_data ? m_data->slots : kNone;
}

const std::vector<LayerSpec>& Session::layers() const {
    static const std::vector<LayerSpec> kNone;
    return m_data ? m_data->layers : kNone;
}

Formats Session::floatFormats() const {
    return Formats(slots().size());
}
RunSnapshot Session::latest() const {
    return m_data ? m_data->latest : nullptr;
}

std::optional<Formats> Session::calibrate(const Formats& given, const CalibrationOptions& options,
                                          const RunControl& control) {
    if (!m_data)
        throw Error("", "there are no samples to calibrate on", "open some");
    std::vector<CalibrationBatch> batches;
    for (std::size_t i = 0; i < m_data->batches.size(); ++i)
        batches.push_back({m_data->programs[i], m_data->batchInputs[i]});
    return quant::calibrate(batches, given, m_data->floatRanges, options, control.stop, control.progress);
}

NamedArrays Session::parameters() const {
    NamedArrays result;
    for (const auto& [name, tensor] : m_network->parameters())
        result.items.emplace_back(name, toArray(tensor));
    return result;
}

void Session::requireParameters(const NamedArrays& values) const {
    const NamedTensors own = m_network->parameters();
    for (const auto& [name, value] : values.items) {
        const auto isIt = [&name = name](const auto& item) { return item.first == name; };
        const auto found = std::ranges::find_if(own, isIt);
        if (found == own.end())
            throw Error(name, "the model has no parameter of that name", "use weights of this model");
        if (found->second.sizes() != at::IntArrayRef(value.shape))
            throw Error(name,
                        "has the shape " + c10::str(at::IntArrayRef(value.shape)) + ", and the model's " +
                            c10::str(found->second.sizes()),
                        "use weights of this model");
    }
}

bool Session::setParameters(const NamedArrays& values, const RunControl& control) {
    requireParameters(values);
    NamedTensors before, after;
    for (const auto& [name, tensor] : m_network->parameters()) {
        if (const Array* value = values.find(name)) {
            before.emplace_back(name, tensor.clone());
            after.emplace_back(name, toTensor(*value));
        }
    }
    m_network->setParameters(after);
    try {
        if (!m_data || setSamples(m_data->samples, control))
            return true;
    } catch (...) {
        m_network->setParameters(before);
        throw;
    }
    m_network->setParameters(before);
    return false;
}

std::vector<std::string> Session::foldableBatchNorms() const {
    std::vector<std::string> norms;
    if (!m_data)
        return norms;
    norms.assign(m_folded.begin(), m_folded.end());
    for (const BatchNormFold& one : quant::foldableBatchNorms(*m_data->programs.front()))
        norms.push_back(one.norm);
    return norms;
}

const std::set<std::string>& Session::foldedBatchNorms() const {
    return m_folded;
}

bool Session::setFoldedBatchNorms(const std::set<std::string>& norms, const RunControl& control) {
    if (norms == m_folded)
        return true;
    const std::vector<std::string> foldable = foldableBatchNorms();
    for (const std::string& norm : norms) {
        if (std::ranges::find(foldable, norm) == foldable.end())
            throw Error(norm, "is no batch norm that the layer before it can take in",
                        "fold one whose input is a linear or convolution layer's output that nothing else reads");
    }
    m_network->setFolded(norms);
    try {
        if (setSamples(m_data->samples, control)) {
            m_folded = norms;
            return true;
        }
    } catch (...) {
        m_network->setFolded(m_folded);
        throw;
    }
    m_network->setFolded(m_folded);
    return false;
}

NamedArrays Session::outputs(bool fromFloat) {
    NamedArrays result;
    if (!m_data)
        return result;
    const auto& parts = fromFloat ? m_data->floatOutputs : m_data->fixedOutputs;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const at::Tensor whole = parts[i].size() == 1 ? parts[i][0] : at::cat(parts[i], 0);
        result.items.emplace_back("output_" + std::to_string(i), toArray(whole));
    }
    return result;
}

std::vector<double> Session::sqnrTable(std::size_t slot, std::span<const int> totals, std::span<const int> integers,
                                       const QType& method, const RunControl& control) {
    std::vector<double> table;
    if (!m_data)
        return table;
    for (const int total : totals) {
        for (const int integer : integers) {
            Figures figures;
            for (const auto& batch : m_data->batches) {
                for (const Node& node : batch->program().nodes) {
                    for (const Site& site : node.sites) {
                        if (static_cast<std::size_t>(site.slot) != slot || !batch->value(site.before).defined())
                            continue;
                        if (control.stop && control.stop())
                            return {};
                        const at::Tensor x = batch->value(site.before).contiguous();
                        QuantizeJob job;
                        job.x = x.data_ptr<float>();
                        job.count = x.numel();
                        job.type = {total, total - integer, method.rounding, method.overflow, {}};
                        figures.add(quantizeWithFigures(job));
                    }
                }
            }
            table.push_back(figures.sqnr());
        }
    }
    return table;
}

std::vector<Session::LoggedTensor> Session::log() const {
    std::vector<LoggedTensor> entries;
    if (!m_data || m_data->batches.empty())
        return entries;
    const Batch& batch = *m_data->batches.front();
    for (const LogEntry& entry : batch.program().log) {
        LoggedTensor logged{entry.key, entry.layerType, entry.value != kAbsent, {}};
        if (logged.present)
            logged.array = toArray(entry.view ? entry.view(batch.value(entry.value)) : batch.value(entry.value));
        entries.push_back(std::move(logged));
    }
    return entries;
}

std::unique_ptr<Session> openModel(const std::string& file, SessionOptions options) {
    return std::make_unique<Session>(openTorchScript(file), options);
}

void setThreadCount(int count) {
    at::set_num_threads(std::max(1, count));
}

} // namespace fxp::quant
