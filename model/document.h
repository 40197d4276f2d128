#pragma once

#include "model/opened_model.h"
#include "model/weights_edit.h"
#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/io/log_comparison.h"
#include "quant/train/finetune.h"

#include <QObject>
#include <QThread>
#include <QUndoStack>

#include <map>
#include <memory>

namespace fxp::model {

class Worker;

/// New formats by slot.
using FormatEdit = std::map<int, quant::QType>;

/// What is open, its formats, and its runs: the single truth that views show and send edits to. Everything that takes
/// time happens on the worker's thread; the answers come as signals.
class Document : public QObject {
    Q_OBJECT
  public:
    explicit Document(QObject* parent = nullptr);
    ~Document() override;

    bool isOpen() const { return m_model != nullptr; }
    /// Null before the first model is open.
    OpenedModelPointer model() const { return m_model; }
    const std::vector<quant::SlotInfo>& slotInfos() const;
    int slotCount() const { return static_cast<int>(slotInfos().size()); }
    /// −1 when there is none of that path.
    int slotOf(const QString& path) const;

    const quant::Formats& formats() const { return m_formats; }
    const quant::QType& format(int slot) const { return m_formats[static_cast<std::size_t>(slot)]; }
    /// The newest figures; null before the first. Each slot's figures belong to the format that they name.
    quant::RunSnapshot result() const { return m_result; }
    /// The slot's figures; null when there are none.
    std::shared_ptr<const quant::SlotResult> slotResult(int slot) const;
    /// Whether the slot's figures are of other formats than those shown.
    bool isStale(int slot) const;

    QUndoStack* undoStack() { return &m_undo; }
    QString qconfigFile() const { return m_qconfigFile; }
    bool isModified() const { return !m_undo.isClean(); }

    bool isLive() const { return m_live; }
    bool isBusy() const { return m_busy > 0; }

    // Edits, each one undo step. Edits with the same non-zero `gesture` (one drag) become one step.
    void setFormats(const FormatEdit& edit, const QString& text, int gesture = 0);
    static int newGesture();

    // Files. Opening answers with modelChanged or failed; what was open stays until then.
    void openModel(const QString& file, const QStringList& inputs = {}, const QString& labels = {});
    void openSamples(const QStringList& files, const QString& labels = {});
    /// Gives the samples labels. Throws Error when they are not one class per sample.
    void openLabels(const QString& file);
    /// Throws Error; the document is then as before. Formats made for another model: OtherModel unless `anyModel`.
    void loadQConfig(const QString& file, bool anyModel = false);
    void saveQConfig(const QString& file);
    /// The formats for FxPyTorch. Throws Error with the tensors whose format it lacks.
    void saveForFxPyTorch(const QString& file) const;
    /// Replaces parameters by the names in a .safetensors file, as an undoable edit.
    void loadWeights(const QString& file);
    void saveWeights(const QString& file);
    /// Compares the last run with an activation log: answers with logCompared or failed.
    void compareLog(const QString& file);
    /// Trains the weights with the formats in place; they are taken as an undoable edit.
    void finetune(const quant::FinetuneOptions& options);
    /// Makes the batch norms that can be part of the layers before them, or makes them layers again; one undo step.
    void setBatchNormsFolded(bool folded);
    QByteArray qconfig() const;
    /// Takes a QConfig's text, as an undoable edit.
    void applyQConfig(const QByteArray& text, bool anyModel, const QString& undoText);

    /// Memory for the tensors kept between runs, of models opened from now on.
    void setMemory(std::int64_t bytes) { m_options.memoryBytes = bytes; }
    std::int64_t memory() const { return m_options.memoryBytes; }
    void setLive(bool live);
    void run();
    void cancel();
    void calibrate(const quant::BitBudget& bits, const quant::CalibrationOptions& options,
                   const std::vector<int>& slotList = {});
    /// Chooses F anew for the slots from their values, their T and method as they are (8 bits where they are float).
    void refit(const std::vector<int>& slotList, quant::Method method);
    /// Asks for the SQNR of the slot's values under the given total and integer bits: tableReady, row by row.
    void requestTable(int slot, const std::vector<int>& totals, const std::vector<int>& integers);

  Q_SIGNALS:
    void modelChanged();
    void samplesChanged();
    void formatsChanged();
    void resultChanged();
    void busyChanged(bool busy, const QString& what);
    void progressed(double share);
    void modifiedChanged(bool modified);
    void liveChanged(bool live);
    void tableReady(int slot, const std::vector<double>& sqnr);
    void failed(const QString& where, const QString& problem, const QString& hint);
    void notice(const QString& text);
    void logCompared(const QString& file, const std::vector<quant::LogDifference>& differences);
    void weightsChanged();

  private:
    friend class FoldCommand;
    friend class FormatCommand;
    friend class WeightsCommand;
    void fold(const std::set<std::string>& norms, const QByteArray& config, const QString& text);
    void takeFold(const OpenedModelPointer& model);
    void applyFold(const OpenedModelPointer& model, const quant::Formats& formats);
    void applyWeights(const ArraysPointer& values);
    void takeWeights(const WeightsEdit& edit, const QString& text);
    void applyFormats(const FormatEdit& edit);
    void takeModel(const OpenedModelPointer& model);
    void takeResult(const quant::RunSnapshot& result);
    void startCalibration(const quant::Formats& given, const quant::CalibrationOptions& options);
    void begin(const QString& what);
    void end();
    void runIfLive();

    QThread m_thread;
    Worker* m_worker; ///< lives on m_thread, and is deleted there
    OpenedModelPointer m_model;
    quant::Formats m_formats;
    quant::RunSnapshot m_result;
    QUndoStack m_undo;
    QString m_qconfigFile;
    QStringList m_inputs; ///< the files that the samples were read from
    quant::SessionOptions m_options;
    QByteArray m_foldConfig; ///< a QConfig that waits for its batch norms to be folded
    QString m_foldText;
    bool m_live = true;
    std::uint64_t m_firstEdit = 0; ///< results of earlier edits are another model's
    int m_busy = 0;
};

/// A QConfig that was made for another model file.
struct OtherModel : Error {
    using Error::Error;
};

} // namespace fxp::model
