#include "app/gui/drop_overlay.h"
#include "app/gui/main_window.h"
#include "model/files_beside.h"

#include <QDragEnterEvent>
#include <QFileInfo>
#include <QMenu>
#include <QMimeData>

#include <algorithm>

namespace fxp::gui {

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    if (event->mimeData()->hasUrls())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    const QStringList files = filesOf(*event->mimeData());
    if (files.isEmpty())
        return;
    if (const QString weights = planDrop(files, m_document.isOpen()).weights; !weights.isEmpty()) {
        askAboutWeights(weights, mapToGlobal(event->position().toPoint()));
        return;
    }
    const auto isSession = [](const QString& file) { return file.endsWith(".fxp", Qt::CaseInsensitive); };
    const model::OpenRequest dropped = model::withFiles({}, files);
    // What the open model takes as an edit needs no questions, a session answers them itself, and weights for no model
    // are one.
    const bool alone = dropped.model.isEmpty() && dropped.samples.isEmpty() && dropped.labels.isEmpty();
    if (std::ranges::any_of(files, isSession) || (alone && (m_document.isOpen() || !dropped.weights.isEmpty())))
        openFiles(files);
    else
        askToOpen(model::withFiles(m_document.request(), files));
}

/// Only the user knows what a file of weights that is dropped on an open model is for.
void MainWindow::askAboutWeights(const QString& file, const QPoint& at) {
    const QString name = QFileInfo(file).fileName();
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->setAccessibleName(tr("What %1 is for").arg(name));
    const auto add = [menu](const QString& text, const QString& tip) {
        QAction* action = menu->addAction(text);
        action->setStatusTip(tip);
        return action;
    };
    QAction* use = add(tr("&Give the open model the weights of %1").arg(QString(name).replace('&', "&&")),
                       tr("Parameters of the same names get its values, as one undo step"));
    connect(use, &QAction::triggered, this, [this, file] { guarded([&] { m_document.loadWeights(file); }); });
    QAction* open = add(tr("&Open %1 as a model of its own").arg(QString(name).replace('&', "&&")),
                        tr("Its tensors take the open model's place; there is nothing that could be run"));
    connect(open, &QAction::triggered, this, [this, file] {
        model::OpenRequest request;
        request.model = QFileInfo(file).absoluteFilePath();
        askToOpen(request);
    });
    menu->addSeparator();
    add(tr("&Cancel"), tr("Do nothing with the file"));
    menu->setActiveAction(use);
    menu->popup(at);
}

} // namespace fxp::gui
