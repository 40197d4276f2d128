#pragma once

#include "model/edit_state.h"
#include "model/job.h"
#include "model/open_request.h"
#include "quant/calibrate/options.h"
#include "quant/io/log_comparison.h"
#include "quant/train/finetune.h"

#include <QByteArray>
#include <QString>
#include <QStringList>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace fxp::model {

// The work of the document's jobs on a session. Each function runs on the queue's thread, throws Error or Cancelled,
// and returns nothing when it was stopped. None changes what the document shows: the handlers of the answers do.

/// New formats by slot.
using FormatEdit = std::map<int, quant::QType>;

/// A model with all that its request names.
struct Opened {
    std::shared_ptr<Workspace> workspace;
    OpenedModelPointer model; ///< its request lacks what was left out, with a note
    ArraysPointer weights;    ///< null: the file's
    quant::Formats formats;
    QStringList notes; ///< what the user should know of how it was opened
};
/// Throws Incomplete where an input has no values, and where the formats were made for another model unless `anyModel`.
std::optional<Opened> openModel(const OpenRequest& request, const quant::SessionOptions& options, bool anyModel,
                                const JobControl& control);

/// The target's model with other samples.
struct OpenedSamples {
    OpenedModelPointer model;
    QStringList notes;
};
/// What of the request concerns samples: files, sources, labels, split.
std::optional<OpenedSamples> openSamples(const Target& target, const OpenRequest& request, const JobControl& control);
/// The numbers that were given stay; random samples, of the shapes that the model has now, when there are no files.
std::optional<OpenedSamples> openSamples(const Target& target, const QStringList& files, const QString& labels,
                                         const JobControl& control);
/// The target's samples with these labels.
std::optional<OpenedSamples> openLabels(const Target& target, const QString& file, const JobControl& control);

/// Folds exactly these batch norms, and reads the formats of a QConfig's text where there is one.
struct Folded {
    OpenedModelPointer model;
    std::optional<quant::Formats> formats;
    std::string note; ///< of the QConfig that they come from
};
std::optional<Folded> fold(const Target& target, const std::set<std::string>& norms, const QByteArray& qconfig,
                           const JobControl& control);
/// The same without a QConfig, and with new binary points for the layers that take norms in: their weights are others
/// then, and their activation is what the norm's was.
std::optional<Folded> foldAndCalibrate(const Target& target, const std::set<std::string>& norms,
                                       const JobControl& control);

/// A state brought back: the model with its batch norms folded, and the weights; null: the model's own.
struct Restored {
    OpenedModelPointer model;
    ArraysPointer weights;
};
std::optional<Restored> restore(const Target& target, const EditState& state, const JobControl& control);

/// True when the run was completed. The figures of a stopped run were published.
std::optional<bool> run(const Target& target, const JobControl& control);

/// What to calibrate.
struct CalibrationRequest {
    /// The formats to start from, and the options.
    struct Start {
        quant::Formats given;
        quant::CalibrationOptions options;
    };
    std::function<Start(const Target&)> start; ///< called when the job begins, with the model that is open then
};
/// The formats that calibration changed, of the slots of `layout`.
struct Calibrated {
    int layout = 0;
    FormatEdit edit;
};
std::optional<Calibrated> calibrate(const Target& target, const CalibrationRequest& request, const JobControl& control);

struct TableRequest {
    int layout = 0;
    int slot = 0;
    std::vector<int> totals, integers;
    quant::QType method;
};
/// SQNR in dB, row by row; empty when the slot is gone.
std::optional<std::vector<double>> table(const Target& target, const TableRequest& request, const JobControl& control);

/// The document's weights with those of a .safetensors file.
std::optional<ArraysPointer> readWeights(const Target& target, const QString& file, const JobControl& control);
std::optional<Nothing> saveWeights(const Target& target, const QString& file, const JobControl& control);
/// The document's weights after training, and how it went; `report.parameters` are left out.
struct Trained {
    ArraysPointer weights;
    quant::Finetuned report;
};
std::optional<Trained> finetune(const Target& target, const quant::FinetuneOptions& options, const JobControl& control);

std::optional<std::vector<quant::LogDifference>> compareLog(const Target& target, const QString& file,
                                                            const JobControl& control);

} // namespace fxp::model
