#pragma once

#include "quant/core/stop.h"
#include "quant/engine/run_result.h"
#include "quant/graph/layer_spec.h"

#include <nlohmann/json_fwd.hpp>

#include <set>
#include <string>
#include <vector>

namespace fxp::quant {

/// The model that a QConfig was made for.
struct ModelIdentity {
    std::string name;
    std::string sha256;
    std::set<std::string> folded = {}; ///< batch norms that are part of the layer before them, by path

    bool operator==(const ModelIdentity&) const = default;
};

/// The content of a model's QConfig file: FIXED_POINT.md, section 8.
struct QConfigFile {
    ModelIdentity model; ///< empty where a file written by hand names no model
    Formats formats;
    bool isForeign = false; ///< written by FxPyTorch, which names no model
    std::string note;       ///< what the user should know about the file although it was accepted; mostly empty

    /// Whether the file names another model file than the open one. The formats of a file that names none are matched
    /// by path.
    bool isForOther(const ModelIdentity& open) const;
};

/// A format as JSON; `q_method` is FxPyTorch's integer where it has one, else a name.
nlohmann::ordered_json toJson(const QType& type);
/// Throws Error naming the JSON pointer `where` of what is wrong.
QType formatFromJson(const nlohmann::ordered_json& json, const std::string& where);

/// One layer's config, as FxPyTorch's class reads it.
nlohmann::ordered_json layerToJson(const LayerSpec& layer, const std::vector<SlotInfo>& slots, const Formats& formats);
/// Reads one layer's config into the formats of its slots. Throws Error on an unknown key, a missing one, or a wrong
/// type.
void layerFromJson(const nlohmann::ordered_json& json, const LayerSpec& layer, const std::vector<SlotInfo>& slots,
                   const std::string& where, Formats& formats);

/// The whole-model file's text.
std::string writeQConfig(const ModelIdentity& model, const std::vector<LayerSpec>& layers,
                         const std::vector<SlotInfo>& slots, const Formats& formats);
/// The same for FxPyTorch, which has two methods and only scales that are powers of two. Throws Error with the paths of
/// all tensors whose format FxPyTorch does not have.
std::string writeForFxPyTorch(const ModelIdentity& model, const std::vector<LayerSpec>& layers,
                              const std::vector<SlotInfo>& slots, const Formats& formats);
/// Reads a whole-model file for a model's layers; accepts FxPyTorch's own files too: a layer's config, or nested ones.
/// Slots that the file does not name stay float. Throws Error: a JSON pointer or a tensor path, what is wrong, what to
/// do.
QConfigFile readQConfig(const std::string& text, const std::vector<LayerSpec>& layers,
                        const std::vector<SlotInfo>& slots);

/// The batch norms that the model has folded in a QConfig file, which must be folded before its formats are read; empty
/// where the text is not this program's. Throws Error when it is not JSON, or the list is wrong.
std::set<std::string> foldedBatchNorms(const std::string& text);

/// The file's bytes as SHA-256, in hexadecimal.
std::string sha256OfFile(const std::string& file, const StopRequest& stop = {});

/// Whether FxPyTorch has a config class for the layer type; others' slots are written under "extensions".
bool isFxPyTorchLayer(const std::string& type);

} // namespace fxp::quant
