#pragma once

#include "app/gui/main_window.h"

#include <QObject>
#include <QTemporaryDir>

#include <memory>

class QAction;
class QPushButton;

/// What the tests of files share: a folder with a model and its files, and answers to file dialogs.
class WindowFilesTest : public QObject {
  protected:
    /// Settings of this test's own, empty; and a new folder with net.pt, inputs.npz and labels.npy.
    void prepare();
    QString path(const QString& name) const { return m_folder->filePath(name); }
    /// A window with these files of the folder open.
    std::unique_ptr<fxp::gui::MainWindow> opened(const QStringList& names = {"net.pt", "inputs.npz", "labels.npy"});
    static bool ready(fxp::gui::MainWindow& window);
    static QAction* action(fxp::gui::MainWindow& window, const QString& text);
    static QPushButton* button(QWidget* parent, const QString& text);
    /// Gives the next file dialogs these names, one after the other.
    void answerFileDialogs(const QStringList& files);
    /// Fine-tunes the weights for an epoch.
    static void tune(fxp::gui::MainWindow& window);

  private:
    std::unique_ptr<QTemporaryDir> m_folder;
};
