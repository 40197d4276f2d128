#pragma once

#include "model/opened_model.h"
#include "quant/core/stop.h"
#include "quant/engine/session.h"

#include <cstdint>
#include <memory>

namespace fxp::model {

using ArraysPointer = std::shared_ptr<const quant::NamedArrays>;

/// The session of an open model. The document keeps it and passes it to its jobs; only jobs use it, one at a time.
struct Workspace {
    std::unique_ptr<quant::Session> session;
    ArraysPointer weights;  ///< the values by name that differ from the file's; null: none
    ArraysPointer original; ///< the file's values of all parameters; null until some were replaced
};

/// The state that the document shows when a job starts.
struct Target {
    std::shared_ptr<Workspace> workspace; ///< null before a model is open
    OpenedModelPointer model;
    ArraysPointer weights; ///< parameters that are not the file's, by name; null: none
    quant::Formats formats;
    int layout = 0; ///< counts the sets of slots: a slot's number means the same tensor as long as this is unchanged
    std::uint64_t edit = 0; ///< counts the edits that runs depend on
};

/// The target's session, brought to the samples, weights and folded batch norms that the document shows: a job whose
/// answer was dropped may have left others in it. Throws Error when no model is open, and quant::Stopped.
quant::Session& sessionOf(const Target& target, const quant::RunControl& control);

/// `base`, which may be null, with the values of `changes` replaced or added.
ArraysPointer merged(const ArraysPointer& base, const quant::NamedArrays& changes);

} // namespace fxp::model
