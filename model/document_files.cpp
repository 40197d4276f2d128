#include "model/document.h"
#include "quant/io/atomic_file.h"
#include "quant/io/read_file.h"

#include <QFileInfo>

namespace fxp::model {

void Document::openModel(const QString& file, const QStringList& inputs, const QString& labels,
                         const std::function<void()>& then) {
    OpenRequest request;
    request.model = file;
    request.samples = inputs;
    request.labels = labels;
    openModel(request, then);
}

void Document::openModel(const OpenRequest& request, const std::function<void()>& then,
                         const std::function<void(const Failure&)>& failed, bool anyModel) {
    cancelOpening();
    Job<Opened> job;
    job.title = tr("Opening %1").arg(QFileInfo(request.model).fileName());
    job.work = [request, anyModel, options = m_options](const Target&, const JobControl& control) {
        return model::openModel(request, options, anyModel, control);
    };
    job.done = [this, then](const Opened& opened) {
        onModelOpened(opened);
        if (then)
            then();
        note(opened.notes);
        run();
    };
    job.failed = failed;
    m_openJob = start(std::move(job));
}

void Document::cancelOpening() {
    m_jobs.cancel(m_openJob);
    m_jobs.cancel(m_samplesJob);
}

OpenRequest Document::request() const {
    if (!m_model)
        return {};
    OpenRequest request = m_model->request;
    request.qconfig = m_qconfigFile;
    return request;
}

void Document::onModelOpened(const Opened& opened) {
    // Waiting jobs were for the old model; samples are for the new one.
    m_jobs.cancelAllBut(m_samplesJob);
    m_workspace = opened.workspace;
    m_weights = opened.weights;
    nextLayout();
    showModel(opened.model);
    m_formats = opened.formats;
    m_qconfigFile = m_model->request.qconfig;
    m_undo.clear();
    Q_EMIT modelChanged();
}

/// One message for all: a later one takes the place of the one before.
void Document::note(const QStringList& notes) {
    QStringList all = notes;
    if (m_model->randomSamples)
        all << tr("No samples were given: the figures are of random ones. Open real samples to see real figures.");
    if (!all.isEmpty())
        Q_EMIT notice(all.join(' '));
}

void Document::openSamples(const QStringList& files, const QString& labels) {
    startSamples(tr("Reading samples"),
                 [files, labels](const Target& target, const JobControl& control) {
                     return model::openSamples(target, files, labels, control);
                 },
                 {}, {});
}

void Document::openSamplesOf(const OpenRequest& request, const std::function<void()>& then,
                             const std::function<void(const Failure&)>& failed) {
    startSamples(
        tr("Reading samples"),
        [request](const Target& target, const JobControl& control) {
            return model::openSamples(target, request, control);
        },
        then, failed);
}

void Document::openLabels(const QString& file) {
    startSamples(
        tr("Reading labels"),
        [file](const Target& target, const JobControl& control) { return model::openLabels(target, file, control); },
        {}, {});
}

void Document::startSamples(const QString& title, const SamplesWork& work, const std::function<void()>& then,
                            const std::function<void(const Failure&)>& failed) {
    m_jobs.cancel(m_samplesJob);
    Job<OpenedSamples> job;
    job.title = title;
    job.work = work;
    job.done = [this, then](const OpenedSamples& opened) {
        onSamplesOpened(opened);
        if (then)
            then();
    };
    job.failed = failed;
    m_samplesJob = start(std::move(job));
}

void Document::onSamplesOpened(const OpenedSamples& opened) {
    const OpenedModelPointer& model = opened.model;
    const bool foldedSince = model->identity.folded != m_model->identity.folded;
    const OpenedModelPointer shown = foldedSince ? withSamplesOf(m_model, model) : model;
    if (shown->layers == m_model->layers && shown->slots.size() == m_model->slots.size()) {
        showModel(shown);
        Q_EMIT samplesChanged();
    } else {
        // The model takes another path for these: formats stay with the tensors that there still are.
        const quant::Formats formats = formatsByPath(*shown);
        nextLayout();
        showModel(shown);
        m_formats = formats;
        const bool unsaved = isModified();
        m_undo.clear();
        if (unsaved)
            m_undo.resetClean();
        Q_EMIT modelChanged();
    }
    note(opened.notes);
    run();
}

void Document::loadQConfig(const QString& file, bool anyModel) {
    const quant::FileBytes bytes = quant::readFile(file.toStdString());
    applyQConfig(QByteArray(bytes.text().data(), static_cast<qsizetype>(bytes.text().size())), anyModel,
                 tr("Open QConfig"), file);
}

void Document::saveQConfig(const QString& file) {
    quant::writeFileAtomically(file.toStdString(), qconfig().toStdString());
    m_qconfigFile = file;
    m_undo.setClean();
}

void Document::saveForFxPyTorch(const QString& file) const {
    quant::writeFileAtomically(file.toStdString(),
                               quant::writeForFxPyTorch(m_model->identity, m_model->layers, m_model->slots, m_formats));
}

void Document::saveWeights(const QString& file) {
    Job<Nothing> job;
    job.title = tr("Saving weights");
    job.work = [file](const Target& target, const JobControl& control) {
        return model::saveWeights(target, file, control);
    };
    start(std::move(job));
}

void Document::compareLog(const QString& file) {
    Job<std::vector<quant::LogDifference>> job;
    job.title = tr("Comparing");
    job.work = [file](const Target& target, const JobControl& control) {
        return model::compareLog(target, file, control);
    };
    job.done = [this, file](const std::vector<quant::LogDifference>& differences) {
        Q_EMIT logCompared(file, differences);
    };
    start(std::move(job));
}

} // namespace fxp::model
