#pragma once

#include "quant/engine/session.h"

#include <QString>
#include <QStringList>

#include <cstdint>
#include <functional>
#include <vector>

namespace fxp::model {

/// Reads samples for a model: .npz (arrays named as the model's inputs), .npy, image files, or a folder of them.
/// Several .npz and .npy are put together; a .npy is named after its file. Images become one float array [N, C, H, W]
/// with values 0 … 1, C = 1 where all are grey, else 3; all must have one size. Throws Error: the file, what is wrong,
/// what to do; and Cancelled when `stop`, which is called between images, returns true.
quant::NamedArrays readSamples(const QStringList& files, const std::function<bool()>& stop = {});

/// Labels from .npy, or the first array of an .npz: one integer per sample.
std::vector<std::int32_t> readLabels(const QString& file);

/// Whether the file has an ending of files with samples.
bool isSamplesFile(const QString& file);

} // namespace fxp::model
