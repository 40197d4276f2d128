#pragma once

#include "quant/graph/network.h"
#include "quant/io/zip_archive.h"

#include <string>

namespace fxp::quant {

/// Reads what torch.save wrote of tensors, in the zip form or in the older one: a state_dict, or a checkpoint with
/// a state_dict in it beside other things. Nothing of it is executed. Names are the keys, those of dicts inside dicts
/// joined by dots; of a checkpoint those of its state_dict alone. Tensors that share memory there share it here.
/// Throws Error naming the file: it is damaged, or holds objects that are no tensors, numbers or texts (which are
/// named).
NamedTensors readTorchPickle(const std::string& file);
/// The zip form alone, from an archive or a part of one.
NamedTensors readTorchPickle(const ZipArchive& archive);

} // namespace fxp::quant
