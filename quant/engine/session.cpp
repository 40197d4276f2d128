#include "quant/engine/session.h"

#include "quant/calibrate/calibrate.h"
#include "quant/core/error.h"
#include "quant/engine/session_data.h"
#include "quant/graph/batch_norm_fold.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <unordered_map>

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

std::int64_t Session::chosenOn() const {
    return m_data ? m_data->chosenOn : 0;
}

std::shared_ptr<const Samples> Session::samples() const {
    return m_data ? m_data->samples : nullptr;
}

bool Session::isWeightsOnly() const {
    return m_network->isWeightsOnly();
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

Formats Session::fileFormats() const {
    Formats formats = floatFormats();
    const std::map<std::string, QType> given = m_network->formats();
    for (std::size_t i = 0; i < formats.size() && !given.empty(); ++i) {
        if (const auto found = given.find(slots()[i].path); found != given.end())
            formats[i] = found->second;
    }
    return formats;
}
RunSnapshot Session::latest() const {
    return m_data ? m_data->latest : nullptr;
}

std::optional<Formats> Session::calibrate(const Formats& given, const CalibrationOptions& options,
                                          const RunControl& control) {
    if (!m_data)
        throw Error("", "there are no samples to calibrate on", "open some");
    std::vector<CalibrationBatch> batches;
    // Batches end where the held-out samples begin.
    for (const auto& batch : m_data->batches) {
        if (m_data->chosenOn == 0 || batch->samples().first < m_data->chosenOn)
            batches.push_back({batch->sharedProgram(), batch->inputs(), batch->samples()});
    }
    return quant::calibrate(batches, given, m_data->choosingRanges, options, control.stop, control.progress);
}

NamedArrays Session::parameters() const {
    NamedArrays result;
    for (const auto& [name, tensor] : m_network->parameters())
        result.items.emplace_back(name, toArray(tensor));
    return result;
}

void Session::requireParameters(const NamedArrays& values) const {
    std::unordered_map<std::string, at::Tensor> own;
    for (const auto& [name, tensor] : m_network->parameters())
        own.emplace(name, tensor);
    for (const auto& [name, value] : values.items) {
        const auto found = own.find(name);
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
    std::unordered_map<std::string, const Array*> given;
    for (const auto& [name, value] : values.items)
        given.emplace(name, &value);
    NamedTensors before, after;
    for (const auto& [name, tensor] : m_network->parameters()) {
        if (const auto value = given.find(name); value != given.end()) {
            before.emplace_back(name, tensor.clone());
            after.emplace_back(name, toTensor(*value->second));
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
    for (const BatchNormFold& one : quant::foldableBatchNorms(m_data->batches.front()->program()))
        norms.push_back(one.norm);
    return norms;
}

std::vector<std::pair<std::string, std::string>> Session::unfoldableBatchNorms() const {
    if (!m_data)
        return {};
    return quant::unfoldableBatchNorms(m_data->batches.front()->program());
}

std::vector<std::pair<std::string, std::string>> Session::batchNormFolds() const {
    std::vector<std::pair<std::string, std::string>> folds;
    if (m_data) {
        for (const BatchNormFold& one : quant::foldableBatchNorms(m_data->batches.front()->program()))
            folds.emplace_back(one.norm, one.layer);
    }
    return folds;
}

std::vector<std::string> Session::notes() const {
    if (!m_data)
        return {};
    std::vector<std::string> notes = m_data->batches.front()->program().notes;
    if (!m_data->notFinite.empty())
        notes.insert(notes.begin(), m_data->notFinite);
    return notes;
}

std::string Session::programText() const {
    return m_data ? quant::programText(m_data->batches.front()->program()) : std::string();
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
            throw Error(norm, "is not a batch norm that the layer before it can take in",
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

} // namespace fxp::quant
