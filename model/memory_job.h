#pragma once

#include "model/job.h"
#include "quant/export/memory_export.h"

#include <QString>
#include <QStringList>

#include <optional>
#include <vector>

namespace fxp::model {

/// What an export wrote.
struct MemoryWritten {
    QString folder;
    QStringList files; ///< relative to the folder
    std::vector<quant::Refusal> refusals;
    QStringList notes;
};

/// Writes the target's integers into the folder. Throws Error: what a target cannot express, unless it is to be left
/// out; and a file that would replace one of `kept` or one that the model was opened from.
std::optional<MemoryWritten> exportMemory(const Target& target, const QString& folder,
                                          const quant::MemoryOptions& options, const QStringList& kept,
                                          const JobControl& control);

} // namespace fxp::model
