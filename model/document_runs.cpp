#include "model/document.h"

namespace fxp::model {

namespace {

constexpr int kDefaultBits = 8; ///< total bits for a float tensor that is to be fitted

/// The target's slots of these paths; numbers may have changed since the paths were chosen.
std::vector<std::size_t> slotsOf(const Target& target, const std::vector<std::string>& paths) {
    std::vector<std::size_t> result;
    for (const std::string& path : paths) {
        if (const auto found = target.model->slotByPath.find(path); found != target.model->slotByPath.end())
            result.push_back(static_cast<std::size_t>(found->second));
    }
    return result;
}

std::vector<std::string> pathsOf(const Document& document, const std::vector<int>& slotList) {
    std::vector<std::string> paths;
    for (const int slot : slotList) {
        if (slot >= 0 && slot < document.slotCount())
            paths.push_back(document.slotInfos()[static_cast<std::size_t>(slot)].path);
    }
    return paths;
}

} // namespace

void Document::setLive(bool live) {
    if (live == m_live)
        return;
    m_live = live;
    Q_EMIT liveChanged(live);
    runIfLive();
}

void Document::runIfLive() {
    if (m_live)
        run();
}

void Document::run() {
    if (!isOpen())
        return;
    setRunWanted(true);
    // A waiting run reads the newest formats when it starts; pending tables would show figures that are about to
    // change.
    m_jobs.cancel(m_tableJob);
    if (m_jobs.isRunning(m_runJob))
        m_jobs.cancel(m_runJob);
    startRun();
}

/// Starts the wanted run, unless one is in the queue already or a job in the foreground has priority.
void Document::startRun() {
    if (!m_runWanted || m_runJob != 0 || m_jobs.hasForeground())
        return;
    Job<bool> job;
    job.title = tr("Running");
    job.background = true;
    job.work = [first = m_first](const Target& target, const JobControl& control) {
        JobControl ordered = control;
        ordered.first = [first] { return first->load(); };
        return model::run(target, ordered);
    };
    job.published = [this](const quant::RunSnapshot& result) { storeResult(result); };
    job.done = [this](bool) { setRunWanted(false); };
    job.failed = [this](const Failure& failure) {
        setRunWanted(false);
        fail(failure, true);
    };
    m_runJob = start(std::move(job));
}

void Document::storeResult(const quant::RunSnapshot& result) {
    if (result->edit < m_firstEdit || !m_model || result->slots.size() != m_model->slots.size())
        return;
    m_computed = m_result = result;
    if (result->complete && !m_weights)
        m_fileAccuracy = {m_model->samples, result->predictions.accuracyFloat()};
    if (result->edit < m_edit) // formats were edited since the run began
        markStale();
    Q_EMIT resultChanged();
}

/// Marks the figures of the slots and of the outputs that depend on a format edited since as stale: they belong to the
/// old formats until the next run replaces them.
void Document::markStale() {
    if (!m_computed)
        return;
    const quant::RunStates shown = m_computed->statesUnder(m_formats);
    auto marked = std::make_shared<quant::RunResult>(*m_computed);
    for (std::size_t slot = 0; slot < marked->stale.size(); ++slot) {
        if (shown.slots[slot] != marked->states.slots[slot])
            marked->stale[slot] = 1;
    }
    marked->outputsStale = marked->outputsStale || shown.outputs != marked->states.outputs;
    m_result = marked;
}

/// Stale figures say whether others are to come.
void Document::setRunWanted(bool wanted) {
    if (wanted == m_runWanted)
        return;
    m_runWanted = wanted;
    if (m_result && m_result->outputsStale)
        Q_EMIT resultChanged();
}

void Document::cancel() {
    // A run that was interrupted by the cancelled jobs continues; the next cancel stops it.
    if (m_jobs.cancelForeground())
        return;
    setRunWanted(false);
    m_jobs.cancelAll();
}

void Document::calibrate(const quant::BitBudget& bits, const quant::CalibrationOptions& options,
                         const std::vector<int>& slotList) {
    const bool all = slotList.empty();
    startCalibration({[bits, all, options, paths = pathsOf(*this, slotList)](const Target& target) {
        const quant::Formats starting = quant::startingFormats(target.model->slots, bits);
        quant::Formats given = all ? starting : target.formats;
        for (const std::size_t slot : slotsOf(target, paths))
            given[slot] = starting[slot];
        return CalibrationRequest::Start{given, options};
    }});
}

void Document::refit(const std::vector<int>& slotList, quant::Method method) {
    quant::CalibrationOptions options;
    options.parameters = options.activations = method;
    startCalibration({[options, paths = pathsOf(*this, slotList)](const Target& target) {
        CalibrationRequest::Start start{target.formats, options};
        for (const std::size_t slot : slotsOf(target, paths)) {
            start.options.refit.push_back(slot);
            // A float tensor gets its first format; an accumulator without one stays exact.
            if (start.given[slot].isFloat() && !target.model->slots[slot].optional)
                start.given[slot].totalBits = kDefaultBits;
        }
        return start;
    }});
}

void Document::startCalibration(CalibrationRequest calibration) {
    if (!isOpen())
        return;
    Job<Calibrated> job;
    job.title = tr("Calibrating");
    job.work = [request = std::move(calibration)](const Target& target, const JobControl& control) {
        return model::calibrate(target, request, control);
    };
    job.done = [this](const Calibrated& calibrated) {
        if (calibrated.layout == m_layout)
            setFormats(calibrated.edit, tr("Calibrate"));
        else
            Q_EMIT noticeWhile(tr("The tensors changed during calibration, and their formats stay. Calibrate again."),
                               [this, edit = m_edit] { return m_edit == edit; });
    };
    start(std::move(job));
}

void Document::requestTable(int slot, const std::vector<int>& totals, const std::vector<int>& integers) {
    if (slot < 0 || slot >= slotCount())
        return;
    m_jobs.cancel(m_tableJob);
    Job<std::vector<double>> job;
    job.title = tr("SQNR by format");
    job.background = true;
    job.work = [request = TableRequest{m_layout, slot, totals, integers, format(slot)}](
                   const Target& target, const JobControl& control) { return table(target, request, control); };
    job.done = [this, slot, layout = m_layout](const std::vector<double>& sqnr) {
        if (layout == m_layout && !sqnr.empty())
            Q_EMIT tableReady(slot, sqnr);
    };
    m_tableJob = start(std::move(job));
}

} // namespace fxp::model
