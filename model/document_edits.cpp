#include "model/document.h"
#include "model/fold_command.h"
#include "model/format_command.h"
#include "model/weights_command.h"

#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>

namespace fxp::model {

namespace {

QString percent(double share) {
    return QString::number(100 * share, 'f', 1) + " %";
}

/// Which epoch was kept, and what it is worth.
QString trainingText(const quant::Finetuned& report) {
    const quant::Score& best = report.best.judging();
    const QString text =
        report.best.heldOut.samples > 0
            ? Document::tr("Epoch %1 is kept. Of the %2 samples held out, %3 are right; %4 before training, %5 by the "
                           "file's weights in float.")
            : Document::tr("Epoch %1 is kept. Of the %2 samples, none of which was held out, %3 are right; %4 before "
                           "training, %5 by the file's weights in float.");
    return text.arg(report.best.epoch)
        .arg(best.samples)
        .arg(percent(best.accuracy), percent(report.before.judging().accuracy),
             percent(report.original.judging().accuracy));
}

} // namespace

bool Document::setFormats(const FormatEdit& edit, const QString& text, int gesture) {
    FormatEdit changes;
    try {
        for (const auto& [slot, format] : edit) {
            if (slot < 0 || slot >= slotCount())
                throw Error("", tr("the tensor is no longer there").toStdString(), {});
            const quant::SlotInfo& info = slotInfos()[static_cast<std::size_t>(slot)];
            quant::validate(format, info.path);
            if (!info.absent && format != this->format(slot))
                changes.emplace(slot, format);
        }
    } catch (const std::exception&) {
        fail(currentFailure(), true);
        return false;
    }
    if (!changes.empty())
        m_undo.push(new FormatCommand(*this, std::move(changes), text, gesture));
    return true;
}

void Document::applyFormats(const FormatEdit& edit) {
    for (const auto& [slot, format] : edit)
        m_formats[static_cast<std::size_t>(slot)] = format;
    ++m_edit;
    markStale();
    m_runWanted = m_runWanted || m_live;
    Q_EMIT formatsChanged();
    updateModified();
    runIfLive();
}

QByteArray Document::qconfig() const {
    return QByteArray::fromStdString(
        quant::writeQConfig(m_model->identity, m_model->layers, m_model->slots, m_formats));
}

void Document::applyQConfig(const QByteArray& text, bool anyModel, const QString& undoText) {
    applyQConfig(text, anyModel, undoText, {});
}

/// Where `file` is given, it becomes the document's file once the formats are in place.
void Document::applyQConfig(const QByteArray& text, bool anyModel, const QString& undoText, const QString& file) {
    if (!isOpen())
        throw Error(file.toStdString(), tr("formats belong to a model, and none is open").toStdString(),
                    tr("open the model first").toStdString());
    const auto requireThisModel = [&](const std::string& sha256, const std::string& name) {
        if (!sha256.empty() && sha256 != m_model->identity.sha256 && !anyModel)
            throw OtherModel("/model/sha256", "the formats were made for another model (" + name + ")",
                             "open that model, or take them all the same");
    };
    const QJsonDocument json = QJsonDocument::fromJson(text);
    const std::set<std::string> folded = quant::foldedBatchNorms(text.toStdString());
    // A text that is not a JSON object is refused by loadQConfig below; nothing is folded for it.
    if (folded != m_model->identity.folded && json.isObject()) {
        const QJsonObject made = json["model"].toObject();
        requireThisModel(made["sha256"].toString().toStdString(), made["name"].toString().toStdString());
        fold(folded, text, undoText, file);
        return;
    }
    const quant::QConfigFile config = quant::readQConfig(text.toStdString(), m_model->layers, m_model->slots);
    requireThisModel(config.model.sha256, config.model.name);
    if (!config.note.empty())
        Q_EMIT notice(QString::fromStdString(config.note));
    FormatEdit edit;
    for (std::size_t i = 0; i < config.formats.size(); ++i)
        edit.emplace(static_cast<int>(i), config.formats[i]);
    if (setFormats(edit, undoText) && !file.isEmpty()) {
        m_qconfigFile = file;
        m_undo.setClean();
        storeSaved(true);
    }
}

void Document::setBatchNormsFolded(bool folded, bool calibrated) {
    if (!isOpen())
        return;
    const auto& norms = m_model->foldable;
    if (folded && norms.empty()) {
        noteUnfoldable();
        return;
    }
    fold(folded ? std::set<std::string>(norms.begin(), norms.end()) : std::set<std::string>(), {},
         folded ? tr("Fold batch norms") : tr("Unfold batch norms"), {}, calibrated);
}

/// Batch norms and formats change together, as one job and one undo step.
void Document::fold(const std::set<std::string>& norms, const QByteArray& config, const QString& text,
                    const QString& file, bool calibrated) {
    Job<Folded> job;
    job.title = calibrated ? tr("Folding batch norms and calibrating") : tr("Folding batch norms");
    job.work = [norms, config, calibrated](const Target& target, const JobControl& control) {
        return calibrated ? foldAndCalibrate(target, norms, control) : model::fold(target, norms, config, control);
    };
    job.done = [this, text, file, norms, asked = config.isEmpty()](const Folded& folded) {
        const quant::Formats formats = folded.formats ? *folded.formats : formatsByPath(*folded.model);
        if (!file.isEmpty())
            m_qconfigFile = file;
        m_undo.push(new FoldCommand(*this, {m_model, m_formats}, {folded.model, formats}, text));
        if (!file.isEmpty()) {
            m_undo.setClean();
            storeSaved(true);
        }
        // After modelChanged, because views clear old notices then.
        if (!folded.note.empty())
            Q_EMIT notice(QString::fromStdString(folded.note));
        else if (asked && !norms.empty())
            noteUnfoldable();
    };
    start(std::move(job));
}

/// Says which batch norms are not folded, and why: the first few by name.
void Document::noteUnfoldable() {
    constexpr std::size_t kNamed = 3;
    const auto& others = m_model->unfoldable;
    if (others.empty())
        return;
    QStringList reasons;
    for (std::size_t i = 0; i < std::min(kNamed, others.size()); ++i)
        reasons << QString::fromStdString(others[i].first + " " + others[i].second);
    QString text = tr("Not folded: %1").arg(reasons.join("; "));
    if (others.size() > kNamed)
        text += tr("; and %n more", nullptr, static_cast<int>(others.size() - kNamed));
    Q_EMIT noticeWhile(text + ".", [this, model = m_model] { return m_model && m_model->slots == model->slots; });
}

/// The formats shown, for the model's slots; those that are new are float.
quant::Formats Document::formatsByPath(const OpenedModel& model) const {
    quant::Formats formats(model.slots.size());
    for (std::size_t i = 0; i < formats.size(); ++i) {
        if (const int slot = slotOf(QString::fromStdString(model.slots[i].path)); slot >= 0)
            formats[i] = format(slot);
    }
    return formats;
}

void Document::applyFold(const OpenedModelPointer& model, const quant::Formats& formats) {
    nextLayout();
    showModel(m_model->samples == model->samples ? model : withSamplesOf(model, m_model));
    m_formats = formats;
    Q_EMIT modelChanged();
    Q_EMIT formatsChanged();
    updateModified();
    run();
}

void Document::loadWeights(const QString& file) {
    Job<ArraysPointer> job;
    job.title = tr("Reading weights");
    job.work = [file](const Target& target, const JobControl& control) { return readWeights(target, file, control); };
    job.done = [this, file](const ArraysPointer& weights) {
        // Over others they are a mixture, which no file holds.
        m_origins.note(weights, {m_weights ? QString() : QFileInfo(file).absoluteFilePath(), weightsOrigin().tuned});
        m_undo.push(new WeightsCommand(*this, m_weights, weights, tr("Open weights")));
    };
    start(std::move(job));
}

void Document::finetune(const quant::FinetuneOptions& options) {
    Job<Trained> job;
    job.title = tr("Training");
    job.work = [options](const Target& target, const JobControl& control) {
        return model::finetune(target, options, control);
    };
    job.done = [this](const Trained& trained) {
        m_origins.note(trained.weights, {{}, true});
        m_undo.push(new WeightsCommand(*this, m_weights, trained.weights, tr("Fine-tune")));
        Q_EMIT noticeWhile(trainingText(trained.report),
                           [this, weights = trained.weights] { return m_weights == weights; });
    };
    start(std::move(job));
}

void Document::applyWeights(const ArraysPointer& weights) {
    m_weights = weights;
    nextResults();
    if (m_computed) {
        auto past = std::make_shared<quant::RunResult>(*m_computed);
        past->stale.assign(past->slots.size(), 1);
        past->outputsStale = true;
        m_computed = m_result = past;
    }
    Q_EMIT weightsChanged();
    Q_EMIT resultChanged();
    updateModified();
    run();
}

} // namespace fxp::model
