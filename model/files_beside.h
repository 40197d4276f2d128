#pragma once

#include "model/open_request.h"

#include <QString>
#include <QStringList>

namespace fxp::model {

constexpr double kHeldOut = 0.5; ///< share of a model's samples, where nothing else is asked for

/// Samples, labels and formats that lie in the model's folder: `inputs.npz` or `samples.npz`, `labels.npy`, or files
/// that begin as the model's does (`net.npz`, `net.labels.npy`, `net.qconfig.json`). The only QConfig of the folder is
/// taken too where it was made for a model file with these bytes. Only these members are set.
OpenRequest filesBeside(const QString& model);

/// The files, by what their names say they are, in the place of those in `base`: a model, samples, labels (`labels` in
/// the name), weights (.safetensors) and formats (.json). Another model takes nothing over from `base`, and holds half
/// of its samples out.
OpenRequest withFiles(const OpenRequest& base, const QStringList& files);

} // namespace fxp::model
