#pragma once

#include "model/document.h"
#include "model/journal.h"
#include "model/journal_file.h"

#include <QElapsedTimer>
#include <QObject>
#include <QThreadPool>
#include <QTimer>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace fxp::model {

/// Writes each edit of a document into a journal, so that a crash loses nothing: at once, a drag every 50 ms, on
/// threads of its own. The journal begins with the first unsaved edit, and goes when all is saved, when another model
/// is open in its place, or when finish() says that the user left in order.
class JournalKeeper : public QObject {
    Q_OBJECT
  public:
    JournalKeeper(Document& document, const QString& folder, QObject* parent = nullptr);
    /// What is unsaved stays in the journal.
    ~JournalKeeper() override;

    /// Calls `then` when all that is unsaved now is on the disk, with whether it is.
    void whenWritten(const std::function<void(bool)>& then);
    /// Waits for the disk.
    void flush();
    /// Nothing is to be offered back: removes the journal.
    void finish();

  Q_SIGNALS:
    /// Edits cannot be kept. Sent once, however often it is tried again.
    void failed(const QString& where, const QString& problem, const QString& hint);

  private:
    void schedule();
    void writeSoon();
    void write();
    void writeWeights(JournalLine& line);
    void append(const JournalLine& line);
    void appendWaiting(const std::shared_ptr<JournalFile>& file);
    void inThread(const std::function<void()>& does);
    void onFailed(const Failure& failure);
    void onSaved();

    Document& m_document;
    QString m_folder;
    std::shared_ptr<JournalFile> m_file; ///< null: nothing is unsaved
    QTimer m_soon, m_again;
    QElapsedTimer m_sinceWrite;
    int m_step = -1;    ///< of the undo stack, when it was written
    std::mutex m_mutex; ///< of the next three
    std::vector<std::pair<std::shared_ptr<JournalFile>, JournalLine>> m_waiting;
    std::uint64_t m_appended = 0, m_answered = 0; ///< lines: all, and those that are written or have failed
    std::condition_variable m_written;
    std::atomic<bool> m_syncWaits = false;
    // What the journal tells already.
    bool m_whole = true; ///< nothing yet: the next line says all
    bool m_clean = false;
    OpenRequest m_request;
    OpenedModelPointer m_model;
    quant::Formats m_formats;
    ArraysPointer m_weights;
    JournalLine::Weights m_weightsLine;
    std::vector<std::pair<std::weak_ptr<const quant::NamedArrays>, QString>> m_weightsFiles;
    bool m_failing = false, m_told = false;
    // One thread each, in order: lines wait neither for large weights nor for the disk. The last members: they end
    // first.
    QThreadPool m_arrays, m_lines, m_syncs;
};

} // namespace fxp::model
