#include "turn_watch.h"

#include <QAbstractEventDispatcher>
#include <QEvent>
#include <QMetaEnum>

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

namespace fxp::test {

namespace {

constexpr double kNsPerMs = 1e6;

std::int64_t clockOf(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

} // namespace

TurnWatch::TurnWatch(int& argc, char** argv)
    : QApplication(argc, argv), m_schedule(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {
    auto* dispatcher = QAbstractEventDispatcher::instance();
    connect(dispatcher, &QAbstractEventDispatcher::awake, this, [this] {
        end();
        start();
    });
    connect(dispatcher, &QAbstractEventDispatcher::aboutToBlock, this, &TurnWatch::end);
}

TurnWatch::Clocks TurnWatch::now() const {
    Clocks clocks{clockOf(CLOCK_MONOTONIC), clockOf(CLOCK_THREAD_CPUTIME_ID), 0};
    char text[128] = {};
    long long onProcessor = 0, waited = 0;
    if (m_schedule >= 0 && ::pread(m_schedule, text, sizeof text - 1, 0) > 0 &&
        std::sscanf(text, "%lld %lld", &onProcessor, &waited) == 2)
        clocks.waited = waited;
    return clocks;
}

void TurnWatch::begin(const QString& action) {
    end();
    m_action = action;
    start();
}

void TurnWatch::start() {
    m_running = true;
    m_slowestTime = 0;
    m_slowest.clear();
    m_start = now();
}

void TurnWatch::end() {
    if (!m_running)
        return;
    m_running = false;
    ++m_turns;
    const Clocks at = now();
    const auto wall = static_cast<double>(at.wall - m_start.wall);
    const auto waited = static_cast<double>(at.waited - m_start.waited);
    const Pause pause{wall / kNsPerMs, (wall - waited) / kNsPerMs,
                      static_cast<double>(at.processor - m_start.processor) / kNsPerMs, m_action, m_slowest};
    Pause& longest = m_longest[m_action];
    if (pause.ownMs > longest.ownMs)
        longest = pause;
    if (pause.ownMs > m_limitMs)
        m_pauses.push_back(pause);
}

bool TurnWatch::notify(QObject* receiver, QEvent* event) {
    const QString name = QString("%1 %2 %3")
                             .arg(receiver->metaObject()->className(), receiver->objectName(),
                                  QMetaEnum::fromType<QEvent::Type>().valueToKey(event->type()));
    const std::int64_t before = clockOf(CLOCK_MONOTONIC);
    const std::uint64_t turn = m_turns;
    const bool result = QApplication::notify(receiver, event);
    const std::int64_t taken = clockOf(CLOCK_MONOTONIC) - before;
    if (turn == m_turns && taken > m_slowestTime) { // else a dialog ran a loop of its own in it
        m_slowestTime = taken;
        m_slowest = QString("%1 (%2 ms)").arg(name).arg(static_cast<double>(taken) / kNsPerMs, 0, 'f', 0);
    }
    return result;
}

} // namespace fxp::test
