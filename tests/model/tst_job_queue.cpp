#include "model/job_queue.h"
#include "quant/core/error.h"

#include <QSignalSpy>
#include <QTest>

#include <atomic>
#include <new>
#include <semaphore>
#include <stdexcept>

using namespace fxp;
using namespace fxp::model;

namespace {

/// A job that says that it began, waits for leave, and answers; it looks at its token only when `obeys`.
struct Held {
    std::atomic<bool> began = false;
    std::binary_semaphore leave{0};

    Job<int> job(int answer, QStringList& log, bool obeys = false) {
        Job<int> made;
        made.title = QString::number(answer);
        made.work = [this, answer, obeys](const Target&, const JobControl& control) -> std::optional<int> {
            began = true;
            if (obeys) {
                while (!control.stop())
                    std::this_thread::yield();
                return std::nullopt;
            }
            leave.acquire();
            return answer;
        };
        made.done = [&log](int value) { log << QString::number(value); };
        made.failed = [&log](const Failure& failure) { log << "failed: " + failure.problem; };
        made.cancelled = [&log, answer] { log << QString("cancelled %1").arg(answer); };
        return made;
    }
};

/// A job that answers at once.
Job<int> quick(int answer, QStringList& log, std::atomic<int>* starts = nullptr) {
    Job<int> made;
    made.title = QString::number(answer);
    made.work = [answer, starts](const Target&, const JobControl&) {
        if (starts)
            ++*starts;
        return std::optional(answer);
    };
    made.done = [&log](int value) { log << QString::number(value); };
    made.cancelled = [&log, answer] { log << QString("cancelled %1").arg(answer); };
    return made;
}

} // namespace

/// Jobs, their order, their one answer, and how they are stopped.
class TestJobQueue : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void oneAnswer_data();
    void oneAnswer();
    void answersDoNotOvertake();
    void busyUntilTheLast();
    void cancelledWhileItWaits();
    void cancelledBeforeItStarts();
    void cancelledWhileItRuns();
    void cancelledAfterItsWork_data();
    void cancelledAfterItsWork();
    void everyCancelArrives();
    void foregroundGoesFirstInTitleAndCancel();
    void targetIsThatOfTheStart();
    void reportsComeBeforeTheAnswer();
    void closing_data();
    void closing();
    void handlerThrows();
    void handlerDeletesTheQueue();
};

void TestJobQueue::oneAnswer_data() {
    QTest::addColumn<int>("outcome");
    QTest::addColumn<QString>("expected");
    QTest::newRow("done") << 0 << "done 7";
    QTest::newRow("nothing") << 1 << "cancelled";
    QTest::newRow("Cancelled") << 2 << "cancelled";
    QTest::newRow("Error") << 3 << "failed here|wrong|do that";
    QTest::newRow("bad_alloc") << 4
                               << "failed |there is not enough memory|use fewer samples, or a lower memory setting";
    QTest::newRow("another exception, first line") << 5 << "failed |index out of range|";
    QTest::newRow("no exception of ours") << 6 << "failed |something went wrong that gave no reason|";
}

void TestJobQueue::oneAnswer() {
    QFETCH(int, outcome);
    QFETCH(QString, expected);
    JobQueue queue([] { return Target(); });
    QStringList log;
    Job<int> job;
    job.work = [outcome](const Target&, const JobControl&) -> std::optional<int> {
        switch (outcome) {
        case 0: return 7;
        case 1: return std::nullopt;
        case 2: throw quant::Stopped();
        case 3: throw Error("here", "wrong", "do that");
        case 4: throw std::bad_alloc();
        case 5: throw std::out_of_range("index out of range\nframe #0: somewhere");
        default: throw 5;
        }
    };
    job.done = [&](int value) { log << QString("done %1").arg(value); };
    job.cancelled = [&] { log << "cancelled"; };
    job.failed = [&](const Failure& failure) {
        log << "failed " + QStringList{failure.where, failure.problem, failure.hint}.join('|');
    };
    QSignalSpy answered(&queue, &JobQueue::answered);
    const JobId id = queue.add(job);
    QVERIFY(log.isEmpty());
    QTRY_COMPARE(answered.count(), 1);
    QCOMPARE(answered[0][0].value<JobId>(), id);
    QCOMPARE(log, QStringList{expected});
    QVERIFY(!queue.isBusy());
}

void TestJobQueue::answersDoNotOvertake() {
    JobQueue queue([] { return Target(); });
    QStringList log, expected;
    Held first;
    queue.add(first.job(0, log));
    expected << "0";
    for (int i = 1; i < 50; ++i) {
        const JobId id = queue.add(quick(i, log));
        if (i % 3 == 0)
            queue.cancel(id);
        expected << (i % 3 == 0 ? QString("cancelled %1").arg(i) : QString::number(i));
    }
    first.leave.release();
    QTRY_COMPARE(log.size(), 50);
    QCOMPARE(log, expected);
}

void TestJobQueue::busyUntilTheLast() {
    JobQueue queue([] { return Target(); });
    QSignalSpy busy(&queue, &JobQueue::busyChanged);
    QStringList log;
    Held a, b;
    queue.add(a.job(1, log));
    queue.add(b.job(2, log));
    queue.add(quick(3, log));
    QVERIFY(queue.isBusy());
    a.leave.release();
    QTRY_COMPARE(log, QStringList{"1"});
    QVERIFY(queue.isBusy());
    QCOMPARE(queue.title(), QString("2"));
    b.leave.release();
    QTRY_VERIFY(!queue.isBusy());
    QCOMPARE(log, (QStringList{"1", "2", "3"}));
    QStringList told;
    for (const auto& change : busy)
        told << (change[0].toBool() ? change[1].toString() : "idle");
    QCOMPARE(told, (QStringList{"1", "2", "3", "idle"}));
}

void TestJobQueue::cancelledWhileItWaits() {
    JobQueue queue([] { return Target(); });
    QStringList log;
    std::atomic<int> starts = 0;
    Held first;
    queue.add(first.job(1, log));
    const JobId waiting = queue.add(quick(2, log, &starts));
    queue.add(quick(3, log));
    QTRY_VERIFY(first.began);
    queue.cancel(waiting);
    first.leave.release();
    QTRY_VERIFY(!queue.isBusy());
    QCOMPARE(starts.load(), 0);
    QCOMPARE(log, (QStringList{"1", "cancelled 2", "3"}));
}

void TestJobQueue::cancelledBeforeItStarts() {
    JobQueue queue([] { return Target(); });
    QStringList log;
    std::atomic<int> starts = 0;
    queue.cancel(queue.add(quick(1, log, &starts)));
    QVERIFY(log.isEmpty()); // no handler is called from inside cancel
    QTRY_VERIFY(!queue.isBusy());
    QCOMPARE(starts.load(), 0);
    QCOMPARE(log, QStringList{"cancelled 1"});
}

void TestJobQueue::cancelledWhileItRuns() {
    JobQueue queue([] { return Target(); });
    QStringList log;
    Held held;
    const JobId id = queue.add(held.job(1, log, true));
    QTRY_VERIFY(held.began);
    QVERIFY(queue.isRunning(id));
    queue.cancel(id);
    QTRY_VERIFY(!queue.isBusy());
    QCOMPARE(log, QStringList{"cancelled 1"});
}

void TestJobQueue::cancelledAfterItsWork_data() {
    QTest::addColumn<bool>("fails");
    QTest::newRow("done") << false;
    QTest::newRow("failed") << true;
}

void TestJobQueue::cancelledAfterItsWork() {
    QFETCH(bool, fails);
    JobQueue queue([] { return Target(); });
    QStringList log;
    Held held;
    Job<int> job = held.job(1, log);
    job.work = [work = job.work, fails](const Target& target, const JobControl& control) {
        const auto answer = work(target, control);
        if (fails)
            throw Error("", "late");
        return answer;
    };
    const JobId id = queue.add(job);
    QTRY_VERIFY(held.began);
    held.leave.release();
    queue.cancel(id); // its answer is on its way, or about to be
    QTRY_VERIFY(!queue.isBusy());
    QCOMPARE(log, QStringList{"cancelled 1"});
}

void TestJobQueue::everyCancelArrives() {
    JobQueue queue([] { return Target(); });
    QStringList log;
    QSignalSpy answered(&queue, &JobQueue::answered);
    for (int i = 0; i < 300; ++i) {
        Held held;
        const JobId id = queue.add(held.job(i, log, true));
        if (i % 3 == 1)
            QCoreApplication::processEvents(); // handed to the thread, begun or not
        while (i % 3 == 2 && !held.began)
            QCoreApplication::processEvents();
        queue.cancel(id);
        QVERIFY(answered.wait());
        QCOMPARE(log.size(), i + 1);
        QCOMPARE(log.back(), QString("cancelled %1").arg(i));
    }
}

void TestJobQueue::foregroundGoesFirstInTitleAndCancel() {
    JobQueue queue([] { return Target(); });
    QStringList log;
    Held behind, named;
    Job<int> background = behind.job(1, log);
    background.background = true;
    queue.add(background);
    QCOMPARE(queue.title(), QString("1"));
    QVERIFY(!queue.hasForeground());
    QVERIFY(!queue.cancelForeground());
    queue.add(named.job(2, log));
    QCOMPARE(queue.title(), QString("2"));
    QVERIFY(queue.hasForeground());
    QVERIFY(queue.cancelForeground());
    QVERIFY(!queue.cancelForeground()); // cancelled already
    behind.leave.release();
    QTRY_VERIFY(!queue.isBusy());
    QCOMPARE(log, (QStringList{"1", "cancelled 2"}));
}

void TestJobQueue::targetIsThatOfTheStart() {
    int layout = 1;
    JobQueue queue([&layout] {
        Target target;
        target.layout = layout;
        return target;
    });
    QStringList log;
    for (int i = 0; i < 2; ++i) {
        Job<int> job;
        job.work = [](const Target& target, const JobControl&) { return std::optional(target.layout); };
        job.done = [&](int value) {
            log << QString::number(value);
            layout = 2; // what the first answer changed, the second job sees
        };
        queue.add(job);
    }
    QTRY_VERIFY(!queue.isBusy());
    QCOMPARE(log, (QStringList{"1", "2"}));
}

void TestJobQueue::reportsComeBeforeTheAnswer() {
    JobQueue queue([] { return Target(); });
    QStringList log;
    Job<int> job;
    job.title = "a";
    job.work = [](const Target&, const JobControl& control) {
        control.publish(std::make_shared<quant::RunResult>());
        control.retitle("b");
        for (int i = 1; i <= 1000; ++i)
            control.progress(i / 1000.0);
        return std::optional(1);
    };
    job.published = [&](const quant::RunSnapshot& result) { log << (result ? "published" : "null"); };
    job.done = [&](int) { log << "done"; };
    double last = 0;
    connect(&queue, &JobQueue::progressed, this, [&](double share) {
        QVERIFY(share >= last && log.size() == 2);
        last = share;
    });
    connect(&queue, &JobQueue::busyChanged, this, [&](bool, const QString& title) {
        if (title == "b")
            log << "retitled";
    });
    queue.add(job);
    QTRY_VERIFY(!queue.isBusy());
    QCOMPARE(log, (QStringList{"published", "retitled", "done"}));
    QCOMPARE(last, 1.0); // the newest share is told, however many were skipped
}

void TestJobQueue::closing_data() {
    QTest::addColumn<bool>("begun");
    QTest::newRow("at once") << false;
    QTest::newRow("while it runs") << true;
}

void TestJobQueue::closing() {
    QFETCH(bool, begun);
    QStringList log;
    std::atomic<int> starts = 0;
    Held held;
    {
        JobQueue queue([] { return Target(); });
        queue.add(held.job(1, log, true)); // ends by its token alone
        queue.add(quick(2, log, &starts));
        if (begun)
            QTRY_VERIFY(held.began);
    }
    QCoreApplication::processEvents();
    QCOMPARE(starts.load(), 0);
    QVERIFY(log.isEmpty());
}

void TestJobQueue::handlerThrows() {
    JobQueue queue([] { return Target(); });
    QStringList log;
    Job<int> job = quick(1, log);
    job.done = [](int) { throw std::runtime_error("in the handler"); };
    job.failed = [&](const Failure& failure) { log << failure.problem; };
    queue.add(job);
    queue.add(quick(2, log));
    QTRY_VERIFY(!queue.isBusy());
    QCOMPARE(log, (QStringList{"in the handler", "2"}));
}

void TestJobQueue::handlerDeletesTheQueue() {
    auto queue = std::make_unique<JobQueue>([] { return Target(); });
    QStringList log;
    Job<int> job = quick(1, log);
    job.done = [&](int) { queue.reset(); };
    queue->add(job);
    queue->add(quick(2, log));
    QTRY_VERIFY(!queue);
    QCoreApplication::processEvents();
    QVERIFY(log.isEmpty());
}

QTEST_GUILESS_MAIN(TestJobQueue)
#include "tst_job_queue.moc"
