#include "model/document.h"
#include "quant/core/read_file.h"
#include "quant/io/atomic_file.h"

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
    dropWhatFollows(m_opens);
    const int open = ++m_opens;
    Job<Opened> job;
    job.title = tr("Opening %1").arg(QFileInfo(request.model).fileName());
    job.work = [request, anyModel, options = m_options](const Target&, const JobControl& control) {
        return model::openModel(request, options, anyModel, control);
    };
    job.done = [this, then](const Opened& opened) {
        onModelOpened(opened);
        note(opened.notes);
        if (then)
            then();
        run();
    };
    job.failed = [this, open, failed](const Failure& failure) {
        dropWhatFollows(open);
        failed ? failed(failure) : fail(failure);
    };
    job.cancelled = [this, open] { dropWhatFollows(open); };
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
    request.weights = weightsOrigin().file;
    for (QString* file : {&request.model, &request.labels, &request.qconfig, &request.weights}) {
        if (!file->isEmpty())
            *file = QFileInfo(*file).absoluteFilePath();
    }
    for (QString& file : request.samples)
        file = QFileInfo(file).absoluteFilePath();
    return request;
}

/// Samples that were asked for while a model was being opened are for that model, and for no other.
void Document::dropWhatFollows(int open) {
    if (open != m_opens)
        return; // another was asked for since
    for (const JobId job : m_afterOpen)
        m_jobs.cancel(job);
    m_afterOpen.clear();
}

void Document::onModelOpened(const Opened& opened) {
    // Waiting jobs belong to the old model, except samples, which the user opened for the new one.
    m_jobs.cancelAllBut(m_samplesJob);
    m_afterOpen.clear();
    m_workspace = opened.workspace;
    m_weights = opened.weights;
    nextLayout();
    showModel(opened.model);
    m_formats = opened.formats;
    m_qconfigFile = m_model->request.qconfig;
    if (m_weights)
        m_origins.note(m_weights, {QFileInfo(m_model->request.weights).absoluteFilePath(), false});
    m_undo.clear();
    Q_EMIT modelChanged();
    storeSaved(true);
    Q_EMIT modelOpened();
}

/// One message for all: a later one takes the place of the one before.
void Document::note(const QStringList& notes) {
    QStringList all = notes;
    if (m_model->randomSamples)
        all << tr("No samples were given: the figures are of random ones. Open real samples to see real figures.");
    if (!all.isEmpty())
        Q_EMIT noticeWhile(all.join(' '), [this, random = m_model->randomSamples] {
            return m_model && m_model->randomSamples == random;
        });
}

void Document::openSamples(const QStringList& files, const QString& labels) {
    m_jobs.cancel(m_samplesJob);
    startSamples(tr("Reading samples"), [files, labels](const Target& target, const JobControl& control) {
        return model::openSamples(target, files, labels, control);
    });
}

void Document::openSamplesOf(const OpenRequest& request, const std::function<void()>& then,
                             const std::function<void(const Failure&)>& failed) {
    m_jobs.cancel(m_samplesJob);
    startSamples(
        tr("Reading samples"),
        [request](const Target& target, const JobControl& control) {
            return model::openSamples(target, request, control);
        },
        then, failed);
}

void Document::openLabels(const QString& file) {
    // Of the samples before it in the queue.
    startSamples(tr("Reading labels"), [file](const Target& target, const JobControl& control) {
        return model::openLabels(target, file, control);
    });
}

void Document::startSamples(const QString& title, const SamplesWork& work, const std::function<void()>& then,
                            const std::function<void(const Failure&)>& failed) {
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
    if (m_openJob != 0)
        m_afterOpen.push_back(m_samplesJob);
}

void Document::onSamplesOpened(const OpenedSamples& opened) {
    const OpenedModelPointer& model = opened.model;
    const bool foldedSince = model->identity.folded != m_model->identity.folded;
    const OpenedModelPointer shown = foldedSince ? withSamplesOf(m_model, model) : model;
    if (shown->layers == m_model->layers && shown->slots.size() == m_model->slots.size()) {
        showModel(shown);
        Q_EMIT samplesChanged();
    } else {
        // The model executes other steps for these samples: formats stay with the tensors that still exist.
        const quant::Formats formats = formatsByPath(*shown);
        nextLayout();
        showModel(shown);
        m_formats = formats;
        const bool unsaved = isModified();
        m_undo.clear();
        if (unsaved)
            m_undo.resetClean();
        Q_EMIT modelChanged();
        updateModified();
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
    storeSaved(true);
}

void Document::saveForFxPyTorch(const QString& file) const {
    quant::writeFileAtomically(file.toStdString(),
                               quant::writeForFxPyTorch(m_model->identity, m_model->layers, m_model->slots, m_formats));
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
