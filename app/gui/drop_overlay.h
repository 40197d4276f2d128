#pragma once

#include "model/document.h"

#include <QCoreApplication>
#include <QLabel>
#include <QStringList>

class QMimeData;

namespace fxp::gui {

/// What dropping files on the window would do, in words: "Open model net.pt, samples a.npz".
struct DropPlan {
    Q_DECLARE_TR_FUNCTIONS(fxp::gui::DropPlan)
  public:
    QString what;        ///< empty: nothing
    QStringList refused; ///< a line for each file that is of no use, with why
    QString weights;     ///< a file of weights, alone, while a model is open: for that one, or a model of its own
};
/// `open`: whether a model is open, which samples and formats could be for.
DropPlan planDrop(const QStringList& files, bool open);

/// The local files that are dragged; empty for anything else.
QStringList filesOf(const QMimeData& data);

/// Lies over the window while files are dragged over it, and says what dropping them does.
class DropOverlay : public QLabel {
    Q_OBJECT
  public:
    DropOverlay(QWidget& window, const model::Document& document);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void showPlan(const QStringList& files);

    QWidget& m_window;
    const model::Document& m_document;
};

} // namespace fxp::gui
