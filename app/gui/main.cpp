#include "app/common/idle_threads.h"
#include "app/gui/load_patience.h"
#include "app/gui/main_window.h"
#include "model/file_check.h"
#include "quant/core/error.h"
#include "quant/core/one_line.h"
#include "quant/core/version.h"
#include "quant/io/atomic_file.h"
#include "quant/io/report.h"

#include <nlohmann/json.hpp>

#include <QApplication>
#include <QCommandLineParser>
#include <QStyleFactory>
#include <QThread>
#include <QTimer>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace {

constexpr std::chrono::seconds kLongestFarewell{3};

/// Without a display there is nobody to look: the first complete run is written to files, and the program ends.
struct Snapshot {
    QString screenshot, report, qconfig;

    bool wanted() const { return !screenshot.isEmpty() || !report.isEmpty() || !qconfig.isEmpty(); }
};

int writeSnapshot(fxp::gui::MainWindow& window, const Snapshot& snapshot) {
    auto& document = window.document();
    try {
        if (!snapshot.screenshot.isEmpty() && !window.grab().save(snapshot.screenshot))
            throw fxp::Error(snapshot.screenshot.toStdString(), "cannot be written", "check the folder");
        if (!snapshot.report.isEmpty()) {
            const auto& model = *document.model();
            const auto json = fxp::quant::report(model.identity, model.sampleCount, model.slots, document.formats(),
                                                 *document.result());
            fxp::quant::writeFileAtomically(snapshot.report.toStdString(), json.dump(1) + "\n");
        }
        if (!snapshot.qconfig.isEmpty())
            fxp::quant::writeFileAtomically(snapshot.qconfig.toStdString(), document.qconfig().toStdString());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "fxp-workbench: %s\n", fxp::oneLine(error.what()).c_str());
        return 1;
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == fxp::quant::kFileCheckArgument)
        return fxp::quant::runFileCheck(argv[2]);
    fxp::letIdleThreadsSleep(argv);
    QApplication app(argc, argv);
    QApplication::setOrganizationName("fxp-workbench");
    QApplication::setApplicationName("fxp-workbench");
    QApplication::setApplicationDisplayName("FxP Workbench");
    QApplication::setApplicationVersion(QString::fromLatin1(fxp::programVersion().data()));
    QApplication::setStyle(QStyleFactory::create("Fusion"));
    QFont font = QApplication::font();
    font.setFamilies({"Inter", "Noto Sans", "DejaVu Sans"});
    font.setPointSizeF(9.75); // 13 pixels at 96 dpi
    QApplication::setFont(font);

    QCommandLineParser parser;
    parser.setApplicationDescription("Choose, tensor by tensor, the fixed-point format of a neural network.");
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument("files", "a model, samples and a QConfig, in any order, or a session; none: the demo",
                                 "[files…]");
    const QCommandLineOption labels("labels", "one class per sample", "file"),
        threads("threads", "threads to compute with", "n"),
        loadTimeout("load-timeout", "seconds that the check of a TorchScript file may take", "seconds", "300"),
        theme("theme", "light, dark or system", "name"),
        screenshot("screenshot", "write a picture of the window after the first run, and end", "png"),
        report("report", "write the report after the first run, and end", "json"),
        qconfig("save-qconfig", "write the formats after the first run, and end", "json");
    parser.addOptions({labels, threads, loadTimeout, theme, screenshot, report, qconfig});
    parser.process(app);
    fxp::quant::setThreadCount(parser.isSet(threads) ? parser.value(threads).toInt() : QThread::idealThreadCount());
    const Snapshot snapshot{parser.value(screenshot), parser.value(report), parser.value(qconfig)};
    fxp::quant::CheckProgram check{{"/proc/self/exe", fxp::quant::kFileCheckArgument},
                                   std::max(1, parser.value(loadTimeout).toInt())};
    if (!snapshot.wanted()) // else nobody is there to answer
        check.whenLate = fxp::gui::askWhenLate();
    fxp::model::setFileCheck(fxp::quant::checkInChild(check));

    fxp::gui::MainWindow window;
    if (parser.isSet(theme))
        window.applyTheme(parser.value(theme));
    window.show();
    const QStringList files = parser.positionalArguments();
    if (!snapshot.wanted()) {
        window.start(files, parser.value(labels));
    } else { // nobody is there to answer a question
        if (files.isEmpty())
            window.openDemo();
        else
            window.openFiles(files, parser.value(labels), false);
        QObject::connect(&window.document(), &fxp::model::Document::failed, &app,
                         [](const QString& where, const QString& problem) {
                             std::fprintf(stderr, "fxp-workbench: %s\n",
                                          fxp::oneLine((where + ": " + problem).toStdString()).c_str());
                             QApplication::exit(1);
                         });
        // The window settles for a moment after the figures are in: the SQNR table comes last.
        auto* settle = new QTimer(&app);
        settle->setSingleShot(true);
        settle->setInterval(700);
        QObject::connect(settle, &QTimer::timeout, &app, [&] { QApplication::exit(writeSnapshot(window, snapshot)); });
        QObject::connect(&window.document(), &fxp::model::Document::resultChanged, &app, [&window, settle] {
            if (window.document().result()->complete)
                settle->start();
        });
    }
    const int code = QApplication::exec();
    // A thread inside a long operator of LibTorch cannot be interrupted. All that is to be kept is kept by now.
    std::thread([code] {
        std::this_thread::sleep_for(kLongestFarewell);
        std::_Exit(code);
    }).detach();
    return code;
}
