#include "model/journal_keeper.h"

#include "quant/io/safetensors.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>

#include <chrono>

namespace fxp::model {

namespace {

constexpr int kDragMs = 50;    ///< what the moves of a drag are gathered for
constexpr int kAgainMs = 5000; ///< until what could not be written is tried again
/// How long an edit waits for its line, which takes a tenth of a millisecond unless the machine or its disk is busy:
/// the next edit then finds it in the journal.
constexpr std::chrono::milliseconds kLongestWait{20};

} // namespace

JournalKeeper::JournalKeeper(Document& document, const QString& folder, QObject* parent)
    : QObject(parent), m_document(document), m_folder(folder) {
    for (QThreadPool* pool : {&m_arrays, &m_lines, &m_syncs})
        pool->setMaxThreadCount(1);
    m_soon.setSingleShot(true);
    m_again.setSingleShot(true);
    m_again.setInterval(kAgainMs);
    connect(&m_soon, &QTimer::timeout, this, &JournalKeeper::writeSoon);
    connect(&m_again, &QTimer::timeout, this, &JournalKeeper::write);
    for (const auto signal :
         {&Document::formatsChanged, &Document::weightsChanged, &Document::modelChanged, &Document::samplesChanged})
        connect(&document, signal, this, &JournalKeeper::schedule);
    connect(&document, &Document::saved, this, &JournalKeeper::onSaved);
    connect(&document, &Document::modelOpened, this, &JournalKeeper::finish);
}

JournalKeeper::~JournalKeeper() {
    flush();
}

/// A timer that runs is not started anew: steady editing is written steadily.
void JournalKeeper::schedule() {
    if (!m_soon.isActive())
        m_soon.start(0);
}

/// Moves of one drag change one undo step: they are gathered. The next step is written at once.
void JournalKeeper::writeSoon() {
    const bool isDrag = m_document.undoStack()->index() == m_step && m_sinceWrite.isValid();
    if (isDrag && m_sinceWrite.elapsed() < kDragMs)
        m_soon.start(static_cast<int>(kDragMs - m_sinceWrite.elapsed()));
    else
        write();
}

void JournalKeeper::onSaved() {
    if (m_document.isModified())
        schedule();
    else
        finish();
}

void JournalKeeper::finish() {
    m_soon.stop();
    m_again.stop();
    if (m_file) // after the weights that are being written, which would stay else
        inThread([file = m_file] { file->remove(); });
    m_file.reset();
    m_whole = true;
    m_model.reset();
    m_weights.reset();
    m_weightsLine = {};
    m_weightsFiles.clear();
}

void JournalKeeper::write() {
    m_soon.stop();
    m_again.stop();
    m_step = m_document.undoStack()->index();
    m_sinceWrite.start();
    if (!m_document.isOpen() || (!m_file && !m_document.isModified()))
        return;
    if (!m_file)
        m_file = std::make_shared<JournalFile>(m_folder);
    const OpenedModelPointer model = m_document.model();
    const OpenRequest request = m_document.request();
    JournalLine line;
    if (m_whole || request != m_request)
        line.open = {request, model->identity.name, model->identity.sha256};
    if (m_document.weights() != m_weights)
        writeWeights(line);
    if (m_whole || model != m_model) {
        line.state = m_document.editState();
        line.state->weights = m_weightsLine.file;
        line.state->tuned = m_weightsLine.tuned;
        line.weights.reset();
    } else {
        for (std::size_t i = 0; i < m_formats.size(); ++i) {
            const quant::QType& format = m_document.formats()[i];
            if (format != m_formats[i])
                line.formats.emplace(model->slots[i].path, format);
        }
    }
    line.isClean = !m_document.isModified();
    const bool isNew = line.open || line.state || line.weights || !line.formats.empty() || line.isClean != m_clean;
    m_whole = false;
    m_clean = line.isClean;
    m_request = request;
    m_model = model;
    m_formats = m_document.formats();
    if (isNew)
        append(line);
}

/// The line names the weights if their file is written, else a line of its own will.
void JournalKeeper::writeWeights(JournalLine& line) {
    m_weights = m_document.weights();
    const bool tuned = m_document.weightsOrigin().tuned;
    QString known;
    for (const auto& [weights, file] : m_weightsFiles) {
        if (weights.lock() == m_weights)
            known = file;
    }
    if (!m_weights || !known.isEmpty()) {
        m_weightsLine = {known, m_weights && tuned};
        line.weights = m_weightsLine;
        return;
    }
    const QString path = m_file->newWeightsPath();
    m_arrays.start([this, path, tuned, weights = m_weights] {
        Failure failure;
        try {
            QDir().mkpath(QFileInfo(path).path());
            quant::writeSafetensors(path.toStdString(), *weights);
        } catch (const std::exception&) {
            failure = currentFailure();
        }
        QMetaObject::invokeMethod(this, [this, path, tuned, weights, failure] {
            if (!m_file || m_weights != weights) // saved, or others by now
                return;
            if (!failure.problem.isEmpty()) {
                m_weights.reset();
                onFailed(failure);
                return;
            }
            m_weightsFiles.emplace_back(weights, path);
            m_weightsLine = {path, tuned};
            JournalLine named;
            named.weights = m_weightsLine;
            named.isClean = m_clean;
            append(named);
        });
    });
}

void JournalKeeper::append(const JournalLine& line) {
    std::unique_lock lock(m_mutex);
    m_waiting.emplace_back(m_file, line);
    const std::uint64_t number = ++m_appended;
    m_lines.start([this, file = m_file] { appendWaiting(file); });
    m_written.wait_for(lock, kLongestWait, [&] { return m_answered >= number; });
}

/// On the lines' thread: all that wait are written at once, so a slow disk does not make them many.
void JournalKeeper::appendWaiting(const std::shared_ptr<JournalFile>& file) {
    std::vector<JournalLine> lines;
    {
        const std::lock_guard lock(m_mutex);
        std::erase_if(m_waiting, [&](const auto& waiting) {
            if (waiting.first == file)
                lines.push_back(waiting.second);
            return waiting.first == file;
        });
    }
    if (lines.empty())
        return;
    const auto guarded = [this](const std::function<void()>& does) {
        try {
            does();
        } catch (const std::exception&) {
            QMetaObject::invokeMethod(this, [this, failure = currentFailure()] { onFailed(failure); });
        }
    };
    guarded([&] {
        QByteArray bytes;
        for (const JournalLine& line : lines)
            bytes += toBytes(line);
        file->append(bytes);
        if (!m_syncWaits.exchange(true))
            m_syncs.start([this, file, guarded] {
                m_syncWaits = false;
                guarded([&] { file->sync(); });
            });
    });
    const std::lock_guard lock(m_mutex);
    m_answered += lines.size();
    m_written.notify_all();
}

void JournalKeeper::onFailed(const Failure& failure) {
    m_failing = true;
    m_whole = true; // a line is missing
    m_again.start();
    if (!std::exchange(m_told, true))
        Q_EMIT failed(failure.where, tr("unsaved edits cannot be kept for after a crash: %1").arg(failure.problem),
                      failure.hint);
}

/// Behind everything on the threads, and behind what they send here.
void JournalKeeper::inThread(const std::function<void()>& does) {
    m_arrays.start([this, does] {
        QMetaObject::invokeMethod(this, [this, does] { m_lines.start([this, does] { m_syncs.start(does); }); });
    });
}

void JournalKeeper::whenWritten(const std::function<void(bool)>& then) {
    m_failing = false;
    write();
    inThread([this, then] { QMetaObject::invokeMethod(this, [this, then] { then(!m_failing); }); });
}

void JournalKeeper::flush() {
    if (m_soon.isActive()) // not what the user gave up
        write();
    m_arrays.waitForDone();
    QCoreApplication::sendPostedEvents(this, QEvent::MetaCall);
    m_lines.waitForDone();
    m_syncs.waitForDone();
}

} // namespace fxp::model
