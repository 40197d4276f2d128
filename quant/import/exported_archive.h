#pragma once

#include "quant/graph/network.h"
#include "quant/import/exported_program.h"

#include <string>

namespace fxp::quant {

/// A .pt2 file: its program and its tensors by the names that the program has for them.
struct ExportedArchive {
    ExportedProgram program;
    NamedTensors weights;   ///< parameters and buffers, in the file's order
    NamedTensors constants; ///< tensors that are none of those
};

/// Reads what torch.export.save of PyTorch 2.5 to 2.13 writes: the layout up to 2.7, that of 2.8 with pickled weights,
/// and the one since. Throws Error naming the file.
ExportedArchive readExportedArchive(const std::string& file);

} // namespace fxp::quant
