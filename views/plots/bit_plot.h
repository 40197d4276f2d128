#pragma once

#include "model/document.h"
#include "views/plots/plot_widget.h"
#include "views/selection.h"

#include <map>

class QCPBars;
class QCPItemRect;
class QCPItemLine;
class QCPItemText;

namespace fxp::views {

class BitRuler;

/// The magnitudes of the current tensor's values as a histogram of powers of two, and the format's bits standing over
/// them: left of the word is overflow, right of it what is lost.
class BitPlot : public PlotWidget {
    Q_OBJECT
  public:
    BitPlot(model::Document& document, Selection& selection, QWidget* parent = nullptr);

    QString csv() const override;
    BitRuler* ruler() const { return m_ruler; }

  protected:
    void resetView() override;
    QString readout(double x, double y) const override;
    void restyle(const Theme& theme) override;
    void rescaleValues() override;
    void resizeEvent(QResizeEvent* event) override;

  private:
    void refresh();
    void placeRuler();
    /// Moves the ends of all selected words as the current one's were moved since the gesture began; `alike`: gives
    /// all of them its bits and point.
    void edit(const quant::QType& format, int gesture, bool alike);
    /// The axis follows the word: it pans, and zooms out where the word is longer than the view.
    void showWord();
    void colourBars(const Theme& theme);
    void setLabels();

    struct Series {
        QCPBars* positive = nullptr;
        QCPBars* negative = nullptr;
    };

    model::Document& m_document;
    Selection& m_selection;
    BitRuler* m_ruler;
    Series m_inside, m_overflow, m_lost;
    QCPItemRect* m_overflowArea;
    QCPItemRect* m_lostArea;
    QCPItemLine* m_point;
    QCPItemText* m_overflowText;
    QCPItemText* m_lostText;
    int m_gesture = 0;
    std::map<int, quant::QType> m_beforeGesture; ///< by selected slot
    int m_shown = -1;
    double m_highest = 1;
};

} // namespace fxp::views
