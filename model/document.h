#pragma once

#include "model/job_queue.h"
#include "model/session_jobs.h"
#include "model/unsaved.h"
#include "model/weights_origins.h"
#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"

#include <QObject>
#include <QUndoStack>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace fxp::quant {
struct MemoryOptions;
}

namespace fxp::model {

struct MemoryWritten;

/// The open model, its formats and its runs: the single truth that views show and send edits to. Everything that takes
/// time is a job in a queue, and changes nothing here before its answer arrives: a job that fails or is cancelled
/// leaves the document as it was, and a run that it interrupted continues. The session has the state that the document
/// shows.
class Document : public QObject {
    Q_OBJECT
  public:
    explicit Document(QObject* parent = nullptr);
    ~Document() override;

    bool isOpen() const { return m_model != nullptr; }
    /// Null before the first model is open.
    OpenedModelPointer model() const { return m_model; }
    const std::vector<quant::SlotInfo>& slotInfos() const;
    /// Whether parameters are not the model file's.
    bool hasOtherWeights() const { return m_weights != nullptr; }
    /// Accuracy of the float model with the weights of its file, over the samples; absent where it is not known.
    std::optional<double> fileAccuracy() const;
    int slotCount() const { return static_cast<int>(slotInfos().size()); }
    /// −1 when there is none of that path.
    int slotOf(const QString& path) const;

    const quant::Formats& formats() const { return m_formats; }
    const quant::QType& format(int slot) const { return m_formats[static_cast<std::size_t>(slot)]; }
    /// The newest figures; null before the first. Each slot's figures belong to the format that they name.
    quant::RunSnapshot result() const { return m_result; }
    /// The slot's figures; null when there are none.
    std::shared_ptr<const quant::SlotResult> slotResult(int slot) const;
    /// Whether the slot's figures are of other formats than those shown, its own or others that it depends on.
    bool isStale(int slot) const;
    /// Whether the values that reach the slot's quantization are of other formats than those shown.
    bool isInputStale(int slot) const;
    /// Whether stale figures are on their way. Where they are not, it takes run() to bring them up to date.
    bool isCatchingUp() const { return m_runWanted; }

    QUndoStack* undoStack() { return &m_undo; }
    QString qconfigFile() const { return m_qconfigFile; }
    /// What would be lost if the program ended now: formats, folding, weights.
    Unsaved unsaved() const;
    bool isModified() const { return m_modified; }
    /// Everything shown lies in a file now, if not in the QConfig's: unsaved() is empty from here on.
    void markSaved();
    /// Whether the formats shown are those of qconfigFile(), or all float where there is none.
    bool isInQConfig() const;

    /// The parameters that are not the model file's, by name; null: all are.
    ArraysPointer weights() const { return m_weights; }
    WeightsOrigins::Origin weightsOrigin() const { return m_origins.of(m_weights); }
    /// All that edits have changed; `weights` is the file that holds them, empty where none does.
    EditState editState() const;

    bool isLive() const { return m_live; }
    bool isBusy() const { return m_jobs.isBusy(); }
    /// Whether a job is waiting or running that the user asked for, and not only runs that follow edits.
    bool isBusyInForeground() const { return m_jobs.hasForeground(); }

    /// The slot that runs give figures of before others, because it is looked at; −1: none. A run that is under way
    /// takes it up.
    void setFirst(int slot) { *m_first = slot; }
    /// How many of the first samples the slot's figures are of, where the run has not seen all of them yet; else 0.
    std::int64_t preliminarySamples(int slot) const;

    // Edits, each one undo step. Edits with the same non-zero `gesture` (one drag) become one step. A format that is
    // not valid is refused: the signal failed tells which one, and no part of the edit is made.
    bool setFormats(const FormatEdit& edit, const QString& text, int gesture = 0);
    static int newGesture();

    // Files. Answers arrive as signals, errors as the signal failed. If several models are opened at a time, the last
    // one wins.
    /// Opens all that the request names as one job: model, weights, samples, formats. What fails or is cancelled at any
    /// stage changes nothing. `then` is called once the model is open, after modelChanged; never when opening fails or
    /// another model is opened meanwhile. `failed`, where there is one, is called instead of the signal; with
    /// `incomplete` where an input has no values, or, unless `anyModel`, where the formats were made for another model.
    void openModel(const OpenRequest& request, const std::function<void()>& then = {},
                   const std::function<void(const Failure&)>& failed = {}, bool anyModel = true);
    void openModel(const QString& file, const QStringList& inputs = {}, const QString& labels = {},
                   const std::function<void()>& then = {});
    /// What is open, as it can be opened again: files by absolute path. Empty before the first model is open.
    OpenRequest request() const;
    /// Ends what openModel and openSamples began, and nothing else.
    void cancelOpening();
    /// The title of what is under way.
    QString task() const { return m_jobs.title(); }
    void openSamples(const QStringList& files, const QString& labels = {});
    /// What of the request concerns samples, for the model that is open; its formats and their edits stay.
    void openSamplesOf(const OpenRequest& request, const std::function<void()>& then = {},
                       const std::function<void(const Failure&)>& failed = {});
    /// Gives the samples labels.
    void openLabels(const QString& file);
    /// Throws Error; the document is then as before. Throws OtherModel for formats made for another model, unless
    /// `anyModel`. Where other batch norms are folded, the formats arrive with a job, and the file's name is stored
    /// when it succeeds.
    void loadQConfig(const QString& file, bool anyModel = false);
    void saveQConfig(const QString& file);
    /// Writes the formats for FxPyTorch. Throws Error with the tensors whose format FxPyTorch does not have.
    void saveForFxPyTorch(const QString& file) const;
    /// Replaces parameters by the names in a .safetensors file, as an undoable edit.
    void loadWeights(const QString& file);
    /// `then` is called when the file is written; never when that fails.
    void saveWeights(const QString& file, const std::function<void()>& then = {});
    /// Brings the state back, as one undo step; without a text as what is saved, with nothing to undo. Tensors that the
    /// model does not have are left out. `then` is called when it is shown; never when that fails.
    void restore(const EditState& state, const QString& undoText, const std::function<void()>& then = {});
    /// Compares the last run with an activation log; the answer is logCompared.
    void compareLog(const QString& file);
    /// Writes memory images, golden vectors and headers of the formats shown into the folder (model/memory_job.h).
    /// `then` is called when all is written; never when that fails.
    void exportMemory(const QString& folder, const quant::MemoryOptions& options,
                      const std::function<void(const MemoryWritten&)>& then);
    /// Trains the weights with the formats in place; they are stored as an undoable edit.
    void finetune(const quant::FinetuneOptions& options);
    /// Folds all batch norms that can be folded into the layers before them, or unfolds them; one undo step. After
    /// folding, a notice names those that cannot be folded, and why. With `calibrated`, the layers that norms are
    /// folded into get new binary points in the same step, because the old ones were chosen for other weights.
    void setBatchNormsFolded(bool folded, bool calibrated = false);
    QByteArray qconfig() const;
    /// Reads a QConfig's text as one undoable edit. Throws as loadQConfig does.
    void applyQConfig(const QByteArray& text, bool anyModel, const QString& undoText);

    /// Memory for the tensors kept between runs, of models opened from now on.
    void setMemory(std::int64_t bytes) { m_options.memoryBytes = bytes; }
    std::int64_t memory() const { return m_options.memoryBytes; }
    void setLive(bool live);
    void run();
    /// Stops all jobs that the user asked for, running or waiting; where there are none, the run.
    void cancel();
    void calibrate(const quant::BitBudget& bits, const quant::CalibrationOptions& options,
                   const std::vector<int>& slotList = {});
    /// Chooses F anew from the slots' values; T and method stay as they are (8 bits where a slot is float).
    void refit(const std::vector<int>& slotList, quant::Method method);
    /// Asks for the SQNR of the slot's values under the given total and integer bits; the answer is tableReady, row by
    /// row.
    void requestTable(int slot, const std::vector<int>& totals, const std::vector<int>& integers);

  Q_SIGNALS:
    void modelChanged();
    /// Another model is open, after modelChanged. (That is sent, too, where the tensors of the same one change.)
    void modelOpened();
    /// Something of what is shown lies in a file now.
    void saved();
    void samplesChanged();
    void formatsChanged();
    void resultChanged();
    void busyChanged(bool busy, const QString& what);
    void progressed(double share);
    void modifiedChanged(bool modified);
    void liveChanged(bool live);
    void tableReady(int slot, const std::vector<double>& sqnr);
    /// `ofFormats`: an edit or its run was refused, and other formats may do.
    void failed(const QString& where, const QString& problem, const QString& hint, bool ofFormats = false);
    void notice(const QString& text);
    /// A notice of something that may end: it is of the past once `holds` says no.
    void noticeWhile(const QString& text, const std::function<bool()>& holds);
    void logCompared(const QString& file, const std::vector<quant::LogDifference>& differences);
    void weightsChanged();

  private:
    friend class FoldCommand;
    friend class FormatCommand;
    friend class WeightsCommand;
    // document.cpp
    Target target() const;
    /// Adds the job. A job in the foreground interrupts the run; a failure is shown by fail() unless the job has a
    /// handler of its own.
    template <class Answer> JobId start(Job<Answer> job);
    void fail(const Failure& failure, bool ofFormats = false);
    void onJobAnswered(JobId job);
    void showModel(const OpenedModelPointer& model);
    void nextLayout();
    void nextResults();
    // document_files.cpp
    void onModelOpened(const Opened& opened);
    void dropWhatFollows(int open);
    void note(const QStringList& notes);
    using SamplesWork = std::function<std::optional<OpenedSamples>(const Target&, const JobControl&)>;
    void startSamples(const QString& title, const SamplesWork& work, const std::function<void()>& then = {},
                      const std::function<void(const Failure&)>& failed = {});
    void onSamplesOpened(const OpenedSamples& opened);
    // document_edits.cpp
    void applyFormats(const FormatEdit& edit);
    void applyQConfig(const QByteArray& text, bool anyModel, const QString& undoText, const QString& file);
    void fold(const std::set<std::string>& norms, const QByteArray& config, const QString& text, const QString& file,
              bool calibrated = false);
    void noteUnfoldable();
    void applyFold(const OpenedModelPointer& model, const quant::Formats& formats);
    void applyWeights(const ArraysPointer& weights);
    quant::Formats formatsByPath(const OpenedModel& model) const;
    // document_saved.cpp
    void onRestored(const Restored& restored, const EditState& state, const QString& undoText);
    void updateModified();
    void storeSaved(bool inQConfig);
    // document_runs.cpp
    void storeResult(const quant::RunSnapshot& result);
    void markStale();
    void setRunWanted(bool wanted);
    void startCalibration(CalibrationRequest request);
    void startRun();
    void runIfLive();

    std::shared_ptr<Workspace> m_workspace;
    OpenedModelPointer m_model;
    ArraysPointer m_weights; ///< parameters that are not the file's; null: none
    WeightsOrigins m_origins;
    OpenedModelPointer m_savedModel; ///< whose tensors the saved formats are of
    quant::Formats m_savedFormats;
    bool m_savedInQConfig = true;
    bool m_modified = false;
    quant::Formats m_formats;
    /// The file's float accuracy, and the samples that it is of.
    std::pair<std::shared_ptr<const quant::Samples>, std::optional<double>> m_fileAccuracy;
    quant::RunSnapshot m_computed; ///< the newest figures as the run gave them
    quant::RunSnapshot m_result;   ///< the same, with what is stale under the formats shown marked
    QUndoStack m_undo;
    QString m_qconfigFile;
    quant::SessionOptions m_options;
    bool m_live = true;
    int m_layout = 0;              ///< counts the sets of slots
    std::uint64_t m_edit = 0;      ///< counts what runs depend on
    std::uint64_t m_firstEdit = 0; ///< results of earlier edits are of other slots, samples or weights
    std::shared_ptr<std::atomic<int>> m_first = std::make_shared<std::atomic<int>>(-1); ///< read by runs
    bool m_runWanted = false; ///< a run for the formats shown has to start, or to finish
    JobId m_runJob = 0, m_tableJob = 0, m_openJob = 0, m_samplesJob = 0;
    int m_opens = 0;                ///< counts the models that were asked for
    std::vector<JobId> m_afterOpen; ///< samples and labels asked for while a model is being opened; dropped with it
    JobQueue m_jobs;                ///< the last member, so that no job runs any more when the others are destroyed
};

template <class Answer> JobId Document::start(Job<Answer> job) {
    if (!job.background)
        m_jobs.cancel(m_runJob);
    if (!job.failed)
        job.failed = [this](const Failure& failure) { fail(failure); };
    return m_jobs.add(std::move(job));
}

/// A QConfig that was made for another model file.
struct OtherModel : Error {
    using Error::Error;
};

} // namespace fxp::model
