#pragma once

#include "quant/core/qtype.h"

#include <nlohmann/json_fwd.hpp>

#include <QString>

#include <map>
#include <set>
#include <string>

namespace fxp::model {

/// All that edits can change in an open model, by names that outlive the program: what the crash journal and session
/// files keep.
struct EditState {
    std::set<std::string> folded;                ///< batch norms that are part of the layer before them, by path
    std::map<std::string, quant::QType> formats; ///< by the tensor's path; one that is not named is float
    QString weights;                             ///< a .safetensors file; empty: the model's own weights
    bool tuned = false;                          ///< the weights are of fine-tuning

    bool operator==(const EditState&) const = default;
};

/// Formats as in a QConfig's extensions; members that say nothing are left out.
nlohmann::ordered_json toJson(const EditState& state);
/// Throws Error naming the JSON pointer of what is not as it should be; `where` is the state's own.
EditState editStateFrom(const nlohmann::ordered_json& json, const std::string& where);

/// The formats as a QConfig of the model file, tensor by tensor: what readQConfig takes for that model.
std::string qconfigOf(const EditState& state, const std::string& modelName, const std::string& sha256);

} // namespace fxp::model
