#include "window_files_test.h"

#include "support/golden.h"
#include "support/opened_document.h"

#include <QAction>
#include <QApplication>
#include <QFile>
#include <QFileDialog>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QTest>
#include <QTimer>

using namespace fxp;
using gui::MainWindow;

void WindowFilesTest::prepare() {
    QSettings().clear();
    m_folder = std::make_unique<QTemporaryDir>();
    const QString cnn = QString::fromStdString(test::modelFolder()) + "/digits_cnn/";
    QVERIFY(QFile::copy(cnn + "traced.pt", path("net.pt")));
    for (const char* name : {"inputs.npz", "labels.npy"})
        QVERIFY(QFile::copy(cnn + name, path(name)));
}

bool WindowFilesTest::ready(MainWindow& window) {
    return QTest::qWaitFor([&] { return window.document().isOpen(); }, 60'000) && test::settled(window.document());
}

std::unique_ptr<MainWindow> WindowFilesTest::opened(const QStringList& names) {
    auto window = std::make_unique<MainWindow>();
    window->show();
    QStringList files;
    for (const QString& name : names) {
        if (name != "labels.npy")
            files << path(name);
    }
    window->openFiles(files, names.contains("labels.npy") ? path("labels.npy") : QString());
    if (!ready(*window))
        qFatal("the model does not open");
    return window;
}

QAction* WindowFilesTest::action(MainWindow& window, const QString& text) {
    for (QAction* action : window.findChildren<QAction*>()) {
        if (action->text().remove('&') == text)
            return action;
    }
    qFatal("no action %s", qPrintable(text));
}

QPushButton* WindowFilesTest::button(QWidget* parent, const QString& text) {
    for (QPushButton* button : parent->findChildren<QPushButton*>()) {
        if (button->text().remove('&') == text)
            return button;
    }
    qFatal("no button %s", qPrintable(text));
}

void WindowFilesTest::answerFileDialogs(const QStringList& files) {
    if (files.isEmpty())
        return;
    auto* timer = new QTimer(this);
    connect(timer, &QTimer::timeout, this, [this, timer, files] {
        auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
        if (!dialog)
            return;
        timer->deleteLater();
        timer->stop();
        answerFileDialogs(files.mid(1));
        dialog->findChild<QLineEdit*>("fileNameEdit")->setText(files.front());
        QMetaObject::invokeMethod(dialog, "accept");
    });
    timer->start(20);
}

void WindowFilesTest::tune(MainWindow& window) {
    quant::FinetuneOptions options;
    options.epochs = 1;
    window.document().finetune(options);
    QTRY_VERIFY_WITH_TIMEOUT(window.document().weights() && !window.document().isBusy(), 60'000);
}
