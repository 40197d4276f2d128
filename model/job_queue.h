#pragma once

#include "model/job.h"

#include <QObject>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace fxp::model {

using JobId = std::uint64_t; ///< from 1; 0 is no job

/// Does jobs one after the other on a thread of its own, in the order in which they were added, and gives their answers
/// to handlers on the thread that the queue lives on. A job starts after the answer of the one before has been handled,
/// so that it sees that answer's changes. Each job is cancelled separately: a cancelled job stays cancelled, and never
/// starts if it has not started yet. No handler is called inside `add` or `cancel`. Deleting the queue stops the
/// running job, and calls no handler.
class JobQueue : public QObject {
    Q_OBJECT
  public:
    /// `target` gives what a job works on; it is called on this thread when the job starts.
    explicit JobQueue(std::function<Target()> target, QObject* parent = nullptr);
    ~JobQueue() override;

    template <class Answer> JobId add(Job<Answer> job);

    /// Does nothing when the job has answered already.
    void cancel(JobId job);
    /// Cancels the jobs that are not in the background. False when there was none left to cancel.
    bool cancelForeground();
    void cancelAll() { cancelAllBut(0); }
    void cancelAllBut(JobId kept);

    bool isBusy() const { return !m_jobs.empty(); }
    /// Whether the job is running.
    bool isRunning(JobId job) const { return m_running && m_jobs.front()->id == job; }
    bool hasForeground() const;
    /// The title of the first job in the foreground, else of the first job; empty when not busy.
    QString title() const;

  Q_SIGNALS:
    void busyChanged(bool busy, const QString& title);
    void progressed(double share);
    /// Emitted after a job's handler has returned.
    void answered(fxp::model::JobId job);

  protected:
    bool event(QEvent* event) override;

  private:
    using Handler = std::function<void()>;
    /// A job without its answer's type: `work` returns the call of `done` with the answer, or an empty function when it
    /// was stopped.
    struct Entry {
        JobId id = 0;
        QString title;
        bool background = false;
        std::function<Handler(const Target&, const JobControl&)> work;
        std::function<void(const Failure&)> failed;
        std::function<void()> cancelled;
        std::function<void(const quant::RunSnapshot&)> published;
        std::atomic<bool> stop = false;
    };
    using EntryPointer = std::shared_ptr<Entry>;
    /// What the thread does next.
    struct Task {
        EntryPointer entry;
        Target target;
    };

    JobId add(EntryPointer entry);
    void startNext();
    void answer(const Handler& handler);
    void notify();
    // On the queue's own thread.
    void work();
    Handler perform(const Task& task);
    JobControl controlOf(const EntryPointer& entry);
    void post(Handler message);

    std::function<Target()> m_target;
    std::deque<EntryPointer> m_jobs; ///< the first one is running when m_running
    bool m_running = false;
    JobId m_lastId = 0;
    bool m_shownBusy = false;
    QString m_shownTitle;

    std::mutex m_mutex; ///< guards the three members below
    std::condition_variable m_wake;
    std::unique_ptr<Task> m_task;
    bool m_quit = false;
    std::deque<Handler> m_messages;

    std::atomic<double> m_share = 0;
    std::atomic<bool> m_shareWaits = false; ///< a message with the progress is on its way already
    std::thread m_thread;
};

template <class Answer> JobId JobQueue::add(Job<Answer> job) {
    auto entry = std::make_shared<Entry>();
    entry->title = std::move(job.title);
    entry->background = job.background;
    entry->failed = std::move(job.failed);
    entry->cancelled = std::move(job.cancelled);
    entry->published = std::move(job.published);
    entry->work = [work = std::move(job.work), done = std::move(job.done)](const Target& target,
                                                                           const JobControl& control) -> Handler {
        std::optional<Answer> answer = work(target, control);
        if (!answer)
            return {};
        return [done, answer = std::make_shared<const Answer>(std::move(*answer))] {
            if (done)
                done(*answer);
        };
    };
    return add(std::move(entry));
}

} // namespace fxp::model
