#pragma once

#include "model/edit_state.h"
#include "model/open_request.h"

#include <QByteArray>

#include <optional>
#include <string>

namespace fxp::model {

/// What a crash journal tells: what was open, and what edits had made of it.
struct Journal {
    OpenRequest request;
    std::string modelName, sha256; ///< of the model file that the edits were made on
    EditState state;
    bool isClean = true; ///< nothing of it was unsaved
    int changes = 0;     ///< lines that changed something after the first state
};

/// One line of a journal: what is new. A journal's first line has all but `formats`.
struct JournalLine {
    struct Open {
        OpenRequest request;
        std::string modelName, sha256;
    };
    struct Weights {
        QString file; ///< empty: the model's own
        bool tuned = false;
    };
    std::optional<Open> open;
    std::optional<EditState> state;              ///< all of it, in place of what was
    std::map<std::string, quant::QType> formats; ///< those that changed, by the tensor's path
    std::optional<Weights> weights;
    bool isClean = false;
};

/// The line as JSON, with the newline that ends it.
QByteArray toBytes(const JournalLine& line);

/// Reads the lines up to the first that is torn or no line of a journal: what a crash left half-written is ignored.
/// Throws Error when the first line is not a journal's.
Journal readJournal(const QByteArray& bytes);

} // namespace fxp::model
