#include "model/job_queue.h"

#include <QCoreApplication>
#include <QEvent>
#include <QPointer>

#include <algorithm>
#include <utility>

namespace fxp::model {

namespace {

constexpr auto kStartNext = QEvent::Type(QEvent::User + 1); ///< the first job of the queue may have changed
constexpr auto kMessage = QEvent::Type(QEvent::User + 2);   ///< the thread has left a message

} // namespace

JobQueue::JobQueue(std::function<Target()> target, QObject* parent)
    : QObject(parent), m_target(std::move(target)), m_thread([this] { work(); }) {}

JobQueue::~JobQueue() {
    for (const EntryPointer& entry : m_jobs)
        entry->stop = true;
    {
        const std::scoped_lock lock(m_mutex);
        m_quit = true;
    }
    m_wake.notify_one();
    m_thread.join();
}

JobId JobQueue::add(EntryPointer entry) {
    const JobId id = entry->id = ++m_lastId;
    m_jobs.push_back(std::move(entry));
    QCoreApplication::postEvent(this, new QEvent(kStartNext));
    notify();
    return id;
}

void JobQueue::cancel(JobId job) {
    for (const EntryPointer& entry : m_jobs) {
        if (entry->id == job)
            entry->stop = true;
    }
}

bool JobQueue::cancelForeground() {
    bool any = false;
    for (const EntryPointer& entry : m_jobs) {
        if (!entry->background && !entry->stop.exchange(true))
            any = true;
    }
    return any;
}

void JobQueue::cancelAllBut(JobId kept) {
    for (const EntryPointer& entry : m_jobs) {
        if (entry->id != kept)
            entry->stop = true;
    }
}

bool JobQueue::hasForeground() const {
    return std::ranges::any_of(m_jobs, [](const EntryPointer& entry) { return !entry->background; });
}

QString JobQueue::title() const {
    if (m_jobs.empty())
        return {};
    const auto named = std::ranges::find_if(m_jobs, [](const EntryPointer& entry) { return !entry->background; });
    return named != m_jobs.end() ? (*named)->title : m_jobs.front()->title;
}

void JobQueue::notify() {
    const bool busy = isBusy();
    const QString now = title();
    if (busy == m_shownBusy && now == m_shownTitle)
        return;
    m_shownBusy = busy;
    m_shownTitle = now;
    Q_EMIT busyChanged(busy, now);
}

bool JobQueue::event(QEvent* event) {
    if (event->type() == kStartNext) {
        startNext();
        return true;
    }
    if (event->type() == kMessage) {
        Handler message;
        {
            const std::scoped_lock lock(m_mutex);
            message = std::move(m_messages.front());
            m_messages.pop_front();
        }
        message();
        return true;
    }
    return QObject::event(event);
}

void JobQueue::startNext() {
    if (m_running || m_jobs.empty())
        return;
    const EntryPointer entry = m_jobs.front();
    if (entry->stop) {
        answer(entry->cancelled);
        return;
    }
    auto task = std::make_unique<Task>(Task{entry, m_target()});
    m_running = true;
    {
        const std::scoped_lock lock(m_mutex);
        m_task = std::move(task);
    }
    m_wake.notify_one();
    notify();
}

/// Takes the first job off the queue with its answer; the handler may add jobs, open dialogs, and delete the queue.
void JobQueue::answer(const Handler& handler) {
    const EntryPointer entry = std::move(m_jobs.front());
    m_jobs.pop_front();
    m_running = false;
    QCoreApplication::postEvent(this, new QEvent(kStartNext));
    const QPointer<JobQueue> self(this);
    try {
        if (handler)
            handler();
    } catch (...) {
        if (self && entry->failed)
            entry->failed(currentFailure());
    }
    if (self)
        Q_EMIT answered(entry->id);
    if (self)
        notify();
}

void JobQueue::work() {
    for (;;) {
        std::unique_ptr<Task> task;
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, [this] { return m_quit || m_task; });
            if (m_quit)
                return;
            task = std::move(m_task);
        }
        post([this, handler = perform(*task)] { answer(handler); });
    }
}

/// Does the work, and returns the handler call for its outcome, to be made on the document's thread.
JobQueue::Handler JobQueue::perform(const Task& task) {
    const EntryPointer entry = task.entry;
    Handler done;
    try {
        done = entry->work(task.target, controlOf(entry));
    } catch (const quant::Stopped&) {
        // Stopped: no answer, as when the work returns none.
    } catch (...) {
        return [entry, failure = currentFailure()] {
            if (entry->stop && entry->cancelled)
                entry->cancelled();
            else if (!entry->stop && entry->failed)
                entry->failed(failure);
        };
    }
    // Cancelled between the end of the work and this call: the user saw the job disappear, so its answer must not
    // appear.
    return [entry, done] {
        if (done && !entry->stop)
            done();
        else if (entry->cancelled)
            entry->cancelled();
    };
}

JobControl JobQueue::controlOf(const EntryPointer& entry) {
    JobControl control;
    control.stop = [entry] { return entry->stop.load(); };
    control.progress = [this](double share) {
        m_share = share;
        if (!m_shareWaits.exchange(true))
            post([this] {
                m_shareWaits = false;
                Q_EMIT progressed(m_share);
            });
    };
    control.retitle = [this, entry](const QString& title) {
        post([this, entry, title] {
            entry->title = title;
            notify();
        });
    };
    if (entry->published)
        control.publish = [this, entry](const quant::RunSnapshot& result) {
            post([entry, result] { entry->published(result); });
        };
    return control;
}

void JobQueue::post(Handler message) {
    {
        const std::scoped_lock lock(m_mutex);
        m_messages.push_back(std::move(message));
    }
    QCoreApplication::postEvent(this, new QEvent(kMessage));
}

} // namespace fxp::model
