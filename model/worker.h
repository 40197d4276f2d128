#pragma once

#include "model/opened_model.h"
#include "model/weights_edit.h"
#include "quant/io/log_comparison.h"
#include "quant/train/finetune.h"

#include <QObject>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

namespace fxp::model {

/// Owns the session and lives on the one thread that uses it. Its methods are called from that thread alone, by queued
/// invocation; `want`, `cancel` and `quit` from any.
class Worker : public QObject {
    Q_OBJECT
  public:
    Worker();
    ~Worker() override;

    struct OpenRequest {
        QString model;                 ///< empty: keep the model
        QStringList inputs;            ///< empty: random ones
        QString labels;                ///< empty: none
        quant::SessionOptions options; ///< of a model that is opened
    };
    void open(const OpenRequest& request);
    /// Runs the newest formats wanted; what was wanted before and not begun is skipped.
    void runWanted();
    void calibrate(const quant::Formats& given, const quant::CalibrationOptions& options);
    void table(int slot, const std::vector<int>& totals, const std::vector<int>& integers, const quant::QType& method);

    /// Reads a .safetensors file: answers with weightsReady.
    void loadWeights(const QString& file);
    void saveWeights(const QString& file);
    /// Gives the model these values, and announces it as opened anew.
    void setWeights(const ArraysPointer& values);
    void finetune(const quant::Formats& formats, const quant::FinetuneOptions& options);
    void compareLog(const QString& file);
    /// Folds these batch norms and no others: answers with folded.
    void fold(const std::set<std::string>& norms);
    /// The same without an answer: the document shows it already.
    void refold(const std::set<std::string>& norms);

    /// The formats to run next. Ends a run of older ones at its next operator. Returns the number of the edit.
    std::uint64_t want(const quant::Formats& formats);
    /// Ends what is under way.
    void cancel();

  Q_SIGNALS:
    void opened(fxp::model::OpenedModelPointer model);
    void published(fxp::quant::RunSnapshot result);
    void runEnded(bool complete);
    void calibrated(fxp::quant::Formats formats);
    void tableReady(int slot, std::vector<double> sqnr);
    void progressed(double share);
    void failed(QString where, QString problem, QString hint);
    void cancelled();
    void idle();
    void folded(fxp::model::OpenedModelPointer model);
    void weightsReady(fxp::model::WeightsEdit edit, QString text);
    void epochDone(fxp::quant::EpochReport epoch);
    void logCompared(QString file, std::vector<fxp::quant::LogDifference> differences);

  private:
    OpenedModelPointer state() const;
    void announce(bool randomSamples);
    quant::RunControl control();
    ArraysPointer currentOf(const quant::NamedArrays& values) const;
    void guarded(const std::function<void()>& work);
    bool superseded(std::uint64_t edit) const { return m_cancel || m_edit != edit; }

    std::unique_ptr<quant::Session> m_session;
    QString m_file;
    bool m_randomSamples = false;
    quant::ModelIdentity m_identity;
    mutable std::mutex m_mutex;
    quant::Formats m_wanted;
    std::atomic<std::uint64_t> m_edit = 0;
    std::uint64_t m_done = 0;
    std::atomic<bool> m_cancel = false;
};

} // namespace fxp::model
