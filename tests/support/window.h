#pragma once

#include "app/gui/main_window.h"
#include "support/golden.h"
#include "support/opened_document.h"

#include <QAction>
#include <QLabel>
#include <QStandardPaths>
#include <QStatusBar>
#include <QTest>

#include <algorithm>
#include <memory>

namespace fxp::test {

/// Settings and caches of the tests' own.
inline void useOwnSettings() {
    QStandardPaths::setTestModeEnabled(true);
    QCoreApplication::setApplicationName("fxp-workbench-test");
    QCoreApplication::setOrganizationName({});
}

/// Waits until a model is open and its first run is done; null when that does not come.
inline std::unique_ptr<gui::MainWindow> opened(std::unique_ptr<gui::MainWindow> window) {
    model::Document& document = window->document();
    const bool ready = QTest::qWaitFor([&] { return document.isOpen(); }, 120'000) && settled(document);
    return ready ? std::move(window) : nullptr;
}

/// The window with the built-in demo, run once.
inline std::unique_ptr<gui::MainWindow> demoWindow() {
    auto window = std::make_unique<gui::MainWindow>();
    window->show();
    window->openDemo();
    return opened(std::move(window));
}

/// The window with a test model and its samples, run once; the labels too, where asked for.
inline std::unique_ptr<gui::MainWindow> modelWindow(const QString& name, bool labelled = false) {
    auto window = std::make_unique<gui::MainWindow>();
    window->show();
    const QString folder = QString::fromStdString(modelFolder()) + "/" + name;
    window->openFiles({folder + "/traced.pt", folder + "/inputs.npz"}, labelled ? folder + "/labels.npy" : QString());
    return opened(std::move(window));
}

inline std::unique_ptr<gui::MainWindow> cnnWindow() {
    return modelWindow("digits_cnn");
}

/// The action whose text begins so; null when there is none.
inline QAction* action(gui::MainWindow& window, const QString& text) {
    for (QAction* action : window.findChildren<QAction*>()) {
        if (action->text().remove('&').startsWith(text))
            return action;
    }
    return nullptr;
}

/// Whether one of the status line's labels shows the text.
inline bool statusShows(gui::MainWindow& window, const QString& text) {
    const auto labels = window.statusBar()->findChildren<QLabel*>();
    return std::ranges::any_of(labels,
                               [&](QLabel* label) { return label->isVisible() && label->text().contains(text); });
}

/// The widget of that accessible name; null when there is none.
template <class Widget> Widget* named(QWidget& root, const QString& name) {
    for (Widget* widget : root.findChildren<Widget*>()) {
        if (widget->accessibleName() == name)
            return widget;
    }
    return nullptr;
}

} // namespace fxp::test
