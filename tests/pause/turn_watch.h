#pragma once

#include <QApplication>
#include <QString>

#include <cstdint>
#include <map>
#include <vector>

namespace fxp::test {

/// Measures every turn of the event loop: from where the loop wakes up, or from where it looks for events again, to
/// where it does so next. What happens in between is one pause for the user. A turn's own time leaves out how long the
/// thread was ready and another one had the processor: the machine's other work is no pause of ours. Waiting for a lock
/// or the disk is.
class TurnWatch : public QApplication {
    Q_OBJECT
  public:
    struct Pause {
        double wallMs = 0, ownMs = 0, processorMs = 0;
        QString action;  ///< what the script did last
        QString slowest; ///< the event that took longest: receiver, type, milliseconds
    };

    TurnWatch(int& argc, char** argv);

    /// From here on turns belong to the action. What the script itself did before is in none.
    void begin(const QString& action);
    const QString& action() const { return m_action; }

    std::uint64_t turns() const { return m_turns; }
    /// The longest of each action, by own time.
    const std::map<QString, Pause>& longest() const { return m_longest; }
    /// All above the limit.
    const std::vector<Pause>& pauses() const { return m_pauses; }
    void setLimit(double ms) { m_limitMs = ms; }

    bool notify(QObject* receiver, QEvent* event) override;

  private:
    struct Clocks {
        std::int64_t wall = 0, processor = 0, waited = 0; ///< nanoseconds
    };
    Clocks now() const;
    void start();
    void end();

    int m_schedule = -1; ///< of this thread: time on the processor, time ready, slices
    bool m_running = false;
    Clocks m_start;
    QString m_action = "start", m_slowest;
    std::int64_t m_slowestTime = 0;
    double m_limitMs = 100;
    std::uint64_t m_turns = 0;
    std::map<QString, Pause> m_longest;
    std::vector<Pause> m_pauses;
};

} // namespace fxp::test
