#include "app/gui/load_patience.h"

#include <QApplication>
#include <QMessageBox>
#include <QPushButton>
#include <QTest>

#include <atomic>
#include <thread>

using namespace fxp;
using quant::Patience;

/// The question whether a file may take longer: the check's thread asks, the window answers.
class TestLoadPatience : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void isAsked_data();
    void isAsked();
    void goesWhenTheCheckEnds();

  private:
    static QMessageBox* box() {
        for (QWidget* widget : QApplication::topLevelWidgets()) {
            if (auto* found = qobject_cast<QMessageBox*>(widget); found && found->isVisible())
                return found;
        }
        return nullptr;
    }
};

void TestLoadPatience::isAsked_data() {
    QTest::addColumn<QString>("button");
    QTest::addColumn<Patience>("answer");
    QTest::newRow("more") << "Keep waiting" << Patience::More;
    QTest::newRow("no more") << "Stop reading" << Patience::Over;
    QTest::newRow("escape") << "" << Patience::Over;
}

void TestLoadPatience::isAsked() {
    QFETCH(QString, button);
    QFETCH(Patience, answer);
    std::atomic<Patience> got = Patience::Undecided;
    std::thread check([&got] {
        const auto ask = gui::askWhenLate();
        while (got == Patience::Undecided) {
            got = ask("/folder/slow.pt", false);
            std::this_thread::yield();
        }
    });
    const bool shown = QTest::qWaitFor([] { return box(); });
    const QString text = shown ? box()->text() : QString();
    if (shown && button.isEmpty())
        QTest::keyClick(box(), Qt::Key_Escape);
    for (QAbstractButton* one : shown && !button.isEmpty() ? box()->buttons() : QList<QAbstractButton*>()) {
        if (one->text().remove('&') == button)
            QTest::mouseClick(one, Qt::LeftButton);
    }
    const bool answered = QTest::qWaitFor([&got] { return got != Patience::Undecided; });
    if (!answered)
        got = Patience::Over; // so that the thread ends
    check.join();
    QVERIFY(shown && answered);
    QVERIFY2(text.startsWith("slow.pt is still being read"), qPrintable(text));
    QVERIFY(got == answer);
    QTRY_VERIFY(!box());
}

void TestLoadPatience::goesWhenTheCheckEnds() {
    std::atomic<bool> ended = false;
    std::thread check([&ended] {
        const auto ask = gui::askWhenLate();
        while (!ended) {
            ask("/folder/slow.pt", false);
            std::this_thread::yield();
        }
        ask("/folder/slow.pt", true);
    });
    const bool shown = QTest::qWaitFor([] { return box(); });
    ended = true;
    check.join();
    QVERIFY(shown);
    QTRY_VERIFY(!box());
}

QTEST_MAIN(TestLoadPatience)
#include "tst_load_patience.moc"
