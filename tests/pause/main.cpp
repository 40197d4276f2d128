#include "script.h"

#include <QCommandLineParser>
#include <QStandardPaths>
#include <QTemporaryDir>

#include <algorithm>
#include <cstdio>

using namespace fxp;

/// Drives the window through a long session, and says how long it did not answer. Exit 1: longer than the limit.
int main(int argc, char** argv) {
    QTemporaryDir folder;
    for (const char* name : {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"})
        qputenv(name, folder.path().toLocal8Bit());
    test::TurnWatch watch(argc, argv);
    QApplication::setApplicationName("fxp-workbench-pause");
    QCommandLineParser parser;
    parser.addHelpOption();
    parser.addOptions({{"actions", "How many.", "N", "1000"},
                       {"seed", "Of what is done.", "N", "1"},
                       {"limit", "Milliseconds of own time in one turn of the event loop.", "MS", "100"},
                       {"labels", "Of the samples.", "FILE"}});
    parser.addPositionalArgument("files", "A model with its samples; without, the demo.", "[FILE…]");
    parser.process(watch);
    watch.setLimit(parser.value("limit").toDouble());
    std::vector<test::Script::Subject> subjects;
    if (!parser.positionalArguments().isEmpty())
        subjects.push_back({parser.positionalArguments(), parser.value("labels")});
    subjects.push_back({});

    watch.begin("the window is made");
    gui::MainWindow window;
    window.show();
    test::Script script(watch, window, subjects, folder.path(), parser.value("seed").toUInt());
    script.run(parser.value("actions").toInt());

    std::vector<test::TurnWatch::Pause> longest;
    for (const auto& [action, pause] : watch.longest())
        longest.push_back(pause);
    std::ranges::sort(longest, std::greater<>(), &test::TurnWatch::Pause::ownMs);
    std::printf("%llu turns, %zu of them above %s ms\n", static_cast<unsigned long long>(watch.turns()),
                watch.pauses().size(), qPrintable(parser.value("limit")));
    std::printf("%8s %8s %8s  longest of each action\n", "own ms", "cpu ms", "wall ms");
    for (const auto& pause : longest)
        std::printf("%8.1f %8.1f %8.1f  %s: %s\n", pause.ownMs, pause.processorMs, pause.wallMs,
                    qPrintable(pause.action), qPrintable(pause.slowest));
    return watch.pauses().empty() ? 0 : 1;
}
