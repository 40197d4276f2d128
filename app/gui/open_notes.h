#pragma once

#include "model/file_probe.h"
#include "model/input_plan.h"

#include <QString>

namespace fxp::gui {

// The Open dialog's lines on what was found in the files: plain text, nothing of widgets.

/// "TorchScript, version 3 · 0.3 MB · 19,898 parameters · 88 modules", and the outputs in a second line.
QString modelNote(const quant::ModelSignature& signature);
/// "1 array: image, 397 × 1 × 8 × 8 float32", how it was matched, and where it was found.
QString samplesNote(const model::SamplesFacts& facts, const model::InputPlan* plan, bool beside);
/// "397 labels, classes 0 … 9"; where they are too few or too many, that it opens without them.
QString labelsNote(const std::vector<std::int32_t>& labels, std::int64_t samples, bool beside);
QString formatsNote(const model::FormatsFacts& facts, bool beside);
/// Under the inputs: how many samples every run takes.
QString sizesNote(const model::InputPlan& plan);

/// How many classes: the greatest label and one; 0 without labels.
int classCount(const std::vector<std::int32_t>& labels);

} // namespace fxp::gui
