#pragma once

#include "quant/core/stop.h"
#include "quant/engine/session.h"
#include "quant/export/fixed_types.h"
#include "quant/export/memory_kind.h"
#include "quant/export/refusal.h"
#include "quant/io/qconfig.h"

#include <functional>
#include <string>
#include <vector>

namespace fxp::quant {

/// What of a quantized model is handed over.
struct MemoryOptions {
    std::vector<MemoryKind> kinds;    ///< of the images of weights and biases, and of the golden vectors
    std::vector<TypesTarget> types;   ///< in `types.h`
    std::vector<std::int64_t> golden; ///< samples whose integers are golden vectors; empty: no golden vectors
    bool leaveOut = false;            ///< what a target cannot express is left out; else nothing is written then
};

/// What can be told from the formats alone: the tensors that a chosen target cannot express. Golden vectors hold the
/// slots that are fixed; that others stay float is refused of weights and biases only.
std::vector<Refusal> memoryRefusals(const std::vector<SlotInfo>& slots, const Formats& formats,
                                    const MemoryOptions& options);

/// One tensor with its words' source, ready to be written.
struct MemoryTensor {
    std::size_t slot = 0;
    std::size_t use = 0;    ///< of golden vectors: which of the slot's places
    int dimension = -1;     ///< SlotValues::dimension
    std::string identifier; ///< also its files' name
    Array values;           ///< quantized
};

/// All that an export has, before anything of it is written.
struct MemoryContent {
    ModelIdentity model;
    std::string qconfig; ///< the formats, as a QConfig file's text
    std::vector<SlotInfo> slots;
    Formats formats;
    std::vector<std::string> identifiers; ///< by slot
    MemoryOptions options;
    std::vector<MemoryTensor> parameters, golden; ///< in the order of computation
    std::vector<Refusal> refusals;
    std::vector<std::string> notes; ///< one sentence each

    /// The files that writeMemory writes, relative to its folder.
    std::vector<std::string> files() const;
};

/// Computes what is to be written. Absent when stopped. Throws Error: with all tensors that are refused, unless they
/// are to be left out; where nothing is chosen; or naming a sample that there is not.
std::optional<MemoryContent> memoryContent(const Session& session, const ModelIdentity& model, const Formats& formats,
                                           const MemoryOptions& options, const RunControl& control = {});

/// Writes all into the folder, which is made where it does not exist: docs/EXPORT.md. Each file is written atomically,
/// read again, and compared; the sidecar `memory.json` comes last. Throws Error naming the file, and Stopped between
/// two files.
void writeMemory(const MemoryContent& content, const std::string& folder, const RunControl& control = {});

/// Writes `types.h` alone, as `file`. Throws Error as memoryContent and writeMemory do. Gives what was left out.
std::vector<Refusal> writeTypes(const std::string& file, const std::vector<SlotInfo>& slots, const Formats& formats,
                                const std::vector<TypesTarget>& targets, bool leaveOut);

} // namespace fxp::quant
