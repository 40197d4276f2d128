#include "script.h"

#include <QAction>
#include <QDialogButtonBox>
#include <QElapsedTimer>
#include <QLineEdit>
#include <QMessageBox>
#include <QPushButton>
#include <QTest>
#include <QTimer>

#include <algorithm>
#include <utility>

namespace fxp::test {

Script::Script(TurnWatch& watch, gui::MainWindow& window, std::vector<Subject> subjects, const QString& folder,
               quint32 seed)
    : m_watch(watch), m_window(window), m_subjects(std::move(subjects)), m_folder(folder), m_random(seed) {
    addEdits();
    addWindow();
    // Questions of the window are answered at once: what is unsaved is given up.
    auto* questions = new QTimer(this);
    connect(questions, &QTimer::timeout, this, [] {
        auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
        if (!box)
            return;
        QAbstractButton* discard = box->button(QMessageBox::Discard);
        for (QAbstractButton* button : box->buttons()) {
            if (!discard && box->buttonRole(button) == QMessageBox::AcceptRole)
                discard = button;
        }
        (discard ? discard : box->buttons().front())->click();
    });
    questions->start(20);
}

void Script::add(const QString& name, int weight, std::function<void()> does) {
    m_actions.push_back({name, weight, std::move(does)});
}

void Script::run(int actions) {
    m_watch.begin("open at start");
    open(m_subjects.front());
    int total = 0;
    for (const Action& action : m_actions)
        total += action.weight;
    for (int i = 0; i < actions; ++i) {
        int at = random(total);
        const auto chosen = std::ranges::find_if(m_actions, [&](const Action& action) {
            at -= action.weight;
            return at < 0;
        });
        m_watch.begin(chosen->name);
        chosen->does();
        turn();
        if (random(8) == 0) {
            m_watch.begin(chosen->name + ", answers");
            settle(3000);
        }
    }
    m_watch.begin("the end");
    settle(3000);
}

void Script::step(const std::function<void()>& does) {
    m_watch.begin(m_watch.action());
    does();
    turn();
}

void Script::turn() {
    for (int i = 0; i < 3; ++i)
        QCoreApplication::processEvents();
}

void Script::settle(int ms) {
    QElapsedTimer timer;
    timer.start();
    while (m_window.document().isBusy() && timer.elapsed() < ms)
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    if (m_window.document().isBusyInForeground()) {
        m_window.document().cancel();
        while (m_window.document().isBusyInForeground())
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    }
    turn();
}

void Script::open(const Subject& subject) {
    step([&] {
        if (subject.files.isEmpty())
            m_window.openDemo();
        else
            m_window.openFiles(subject.files, subject.labels, false);
    });
    settle(300'000);
}

void Script::trigger(const QString& text) {
    for (QAction* action : m_window.findChildren<QAction*>()) {
        if (!action->text().remove('&').startsWith(text))
            continue;
        if (action->isEnabled())
            step([&] { action->trigger(); });
        return;
    }
    qFatal("no action %s", qPrintable(text));
}

void Script::type(QWidget* field, const QString& text) {
    step([&] { field->setFocus(); });
    for (const QChar letter : text)
        step([&] { QTest::keyClick(field, letter.toLatin1()); });
}

} // namespace fxp::test
