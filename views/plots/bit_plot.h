#pragma once

#include "model/document.h"
#include "views/plots/plot_widget.h"
#include "views/selection.h"

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
    void edit(const quant::QType& format, int gesture);
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
    int m_shown = -1;
    double m_highest = 1;
};

} // namespace fxp::views
