#pragma once

#include "app/gui/main_window.h"
#include "turn_watch.h"

#include <QRandomGenerator>
#include <QStringList>

#include <functional>
#include <vector>

class QAction;

namespace fxp::test {

/// A user who does one thing after the other with the window, chosen by a seed: by events, as mouse and keys give them.
class Script : public QObject {
    Q_OBJECT
  public:
    struct Subject {
        QStringList files; ///< a model with its samples, and formats; empty: the demo
        QString labels;
    };
    Script(TurnWatch& watch, gui::MainWindow& window, std::vector<Subject> subjects, const QString& folder,
           quint32 seed);

    /// Opens the first subject, and does that many things.
    void run(int actions);

  private:
    struct Action {
        QString name;
        int weight;
        std::function<void()> does;
    };
    void add(const QString& name, int weight, std::function<void()> does);
    void addEdits();  // script_edits.cpp
    void addWindow(); // script_window.cpp
    /// One thing: then the loop turns.
    void step(const std::function<void()>& does);
    void turn();
    /// Lets jobs run for at most that long, then stops them.
    void settle(int ms);
    void open(const Subject& subject);
    void dragRuler();
    /// Answers each dialog that runs a loop of its own, in the order given, with the button; else the default.
    void answer(const QString& button);
    void trigger(const QString& text);
    void type(QWidget* field, const QString& text);
    int random(int bound) { return static_cast<int>(m_random.bounded(bound)); }
    template <class Widget> Widget* find() const { return m_window.findChild<Widget*>(); }

    TurnWatch& m_watch;
    gui::MainWindow& m_window;
    std::vector<Subject> m_subjects;
    QString m_folder;
    QRandomGenerator m_random;
    std::vector<Action> m_actions;
};

} // namespace fxp::test
