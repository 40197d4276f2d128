#include "model/document.h"

namespace fxp::model {

Document::Document(QObject* parent) : QObject(parent), m_jobs([this] { return target(); }) {
    connect(&m_jobs, &JobQueue::busyChanged, this, &Document::busyChanged);
    connect(&m_jobs, &JobQueue::progressed, this, &Document::progressed);
    connect(&m_jobs, &JobQueue::answered, this, &Document::onJobAnswered);
}

Document::~Document() {
    m_undo.disconnect(this);
    m_jobs.disconnect(this);
}

const std::vector<quant::SlotInfo>& Document::slotInfos() const {
    static const std::vector<quant::SlotInfo> kNone;
    return m_model ? m_model->slots : kNone;
}

int Document::slotOf(const QString& path) const {
    if (!m_model)
        return -1;
    const auto found = m_model->slotByPath.find(path.toStdString());
    return found == m_model->slotByPath.end() ? -1 : found->second;
}

std::shared_ptr<const quant::SlotResult> Document::slotResult(int slot) const {
    const auto index = static_cast<std::size_t>(slot);
    return m_result && slot >= 0 && index < m_result->slots.size() ? m_result->slots[index] : nullptr;
}

bool Document::isStale(int slot) const {
    const auto result = slotResult(slot);
    return !result || m_result->stale[static_cast<std::size_t>(slot)] || result->format != format(slot);
}

std::int64_t Document::preliminarySamples(int slot) const {
    const auto result = slotResult(slot);
    return result && result->seenSamples < m_model->sampleCount ? result->seenSamples : 0;
}

std::optional<double> Document::fileAccuracy() const {
    return m_model && m_fileAccuracy.first == m_model->samples ? m_fileAccuracy.second : std::nullopt;
}

bool Document::isInputStale(int slot) const {
    const auto result = slotResult(slot);
    const auto index = static_cast<std::size_t>(slot);
    if (!result || m_computed->stale[index])
        return true;
    quant::Formats formats = m_formats;
    formats[index] = result->format;
    return m_computed->statesUnder(formats).slots[index] != m_computed->states.slots[index];
}

int Document::newGesture() {
    static int next = 0;
    return ++next;
}

Target Document::target() const {
    return {m_workspace, m_model, m_weights, m_formats, m_layout, m_edit};
}

void Document::fail(const Failure& failure, bool ofFormats) {
    Q_EMIT failed(failure.where, failure.problem, failure.hint, ofFormats);
}

void Document::onJobAnswered(JobId job) {
    for (JobId* known : {&m_runJob, &m_tableJob, &m_openJob, &m_samplesJob}) {
        if (*known == job)
            *known = 0;
    }
    startRun();
}

void Document::showModel(const OpenedModelPointer& model) {
    m_model = model;
    nextResults();
    m_result.reset();
    m_computed.reset();
}

/// Starts a new set of slots: from now on a slot's number means another tensor, so that pending requests by number are
/// void.
void Document::nextLayout() {
    ++m_layout;
    setFirst(-1);
    m_jobs.cancel(m_tableJob);
}

/// From now on figures of earlier runs do not belong to what is shown.
void Document::nextResults() {
    m_firstEdit = ++m_edit;
    if (m_jobs.isRunning(m_runJob))
        m_jobs.cancel(m_runJob);
}

} // namespace fxp::model
