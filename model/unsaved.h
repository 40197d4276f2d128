#pragma once

#include <QString>

namespace fxp::model {

/// What would be lost if the program ended now.
struct Unsaved {
    int formats = 0;      ///< tensors whose format is in no file
    bool folding = false; ///< other batch norms are folded than in the file
    bool weights = false; ///< the weights are in no file
    bool tuned = false;   ///< … and fine-tuning made them

    bool any() const { return formats > 0 || folding || weights; }
    bool operator==(const Unsaved&) const = default;
};

/// "formats of 3 tensors, fine-tuned weights"; empty where nothing is unsaved.
QString inWords(const Unsaved& unsaved);

} // namespace fxp::model
