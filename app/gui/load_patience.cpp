#include "app/gui/load_patience.h"

#include <QApplication>
#include <QFileInfo>
#include <QMessageBox>
#include <QPointer>
#include <QPushButton>

#include <atomic>
#include <memory>

namespace fxp::gui {

namespace {

/// One question; the window writes the answer, the check's thread reads it.
struct Question {
    std::atomic<quant::Patience> answer = quant::Patience::Undecided;
    QPointer<QMessageBox> box; ///< the window's thread alone uses it
};

void ask(const std::shared_ptr<Question>& question, const QString& file) {
    auto* box = new QMessageBox(
        QMessageBox::Question, QApplication::translate("LoadPatience", "Reading takes long"),
        QApplication::translate("LoadPatience",
                                "%1 is still being read. A large model may need more time; a damaged file may "
                                "never end.")
            .arg(QFileInfo(file).fileName()),
        QMessageBox::NoButton,
        QApplication::activeModalWidget() ? QApplication::activeModalWidget() : QApplication::activeWindow());
    box->setAttribute(Qt::WA_DeleteOnClose);
    QPushButton* wait =
        box->addButton(QApplication::translate("LoadPatience", "Keep waiting"), QMessageBox::AcceptRole);
    box->addButton(QApplication::translate("LoadPatience", "Stop reading"), QMessageBox::RejectRole);
    box->setDefaultButton(wait);
    QObject::connect(box, &QMessageBox::finished, box, [question, box, wait] {
        question->answer = box->clickedButton() == wait ? quant::Patience::More : quant::Patience::Over;
    });
    question->box = box;
    box->open();
}

} // namespace

std::function<quant::Patience(const std::string& file, bool hasEnded)> askWhenLate() {
    return [](const std::string& file, bool hasEnded) {
        // A check is one thread's, and there may be several.
        static thread_local std::shared_ptr<Question> current;
        if (!qApp)
            return quant::Patience::Over;
        if (hasEnded) {
            QMetaObject::invokeMethod(qApp, [question = std::move(current)] {
                if (question && question->box)
                    question->box->close();
            });
            return quant::Patience::Undecided;
        }
        if (!current) {
            current = std::make_shared<Question>();
            QMetaObject::invokeMethod(
                qApp, [question = current, name = QString::fromStdString(file)] { ask(question, name); });
        }
        const quant::Patience answer = current->answer;
        if (answer != quant::Patience::Undecided)
            current.reset();
        return answer;
    };
}

} // namespace fxp::gui
