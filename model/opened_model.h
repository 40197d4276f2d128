#pragma once

#include "model/open_request.h"
#include "quant/engine/session.h"
#include "quant/io/qconfig.h"

#include <QString>
#include <QStringList>

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fxp::model {

/// A model and its samples as the rest of the program sees them: immutable, created by a job.
struct OpenedModel {
    OpenRequest request; ///< what it was opened from
    quant::ModelIdentity identity;
    std::vector<quant::ModuleInfo> modules;
    std::vector<quant::ArgumentInfo> arguments;
    std::vector<quant::SlotInfo> slots;
    std::vector<quant::LayerSpec> layers;
    std::unordered_map<std::string, int> slotByPath;
    std::shared_ptr<const quant::Samples> samples;
    std::vector<std::string> foldable; ///< batch norms that can be folded, or are folded, into the layer before them
    std::vector<std::pair<std::string, std::string>> unfoldable; ///< the others, and why
    std::vector<bool> fedBack; ///< by slot: inside a recurrent step, where a value depends on its own format
    std::int64_t sampleCount = 0;
    std::int64_t chosenOn = 0;  ///< formats are chosen on so many first samples, the others only judge; 0: on all
    bool randomSamples = false; ///< no samples come from a file, so that the figures say nothing about real data
};

using OpenedModelPointer = std::shared_ptr<const OpenedModel>;

/// Describes the session for the document; `identity` and `request` are what the session does not know itself.
std::shared_ptr<OpenedModel> describe(const quant::Session& session, const quant::ModelIdentity& identity,
                                      const OpenRequest& request);

/// The model with the samples of the other one.
inline OpenedModelPointer withSamplesOf(const OpenedModelPointer& model, const OpenedModelPointer& other) {
    auto result = std::make_shared<OpenedModel>(*model);
    result->samples = other->samples;
    result->request = other->request;
    result->sampleCount = other->sampleCount;
    result->chosenOn = other->chosenOn;
    result->randomSamples = other->randomSamples;
    return result;
}

} // namespace fxp::model
