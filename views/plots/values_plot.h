#pragma once

#include "model/document.h"
#include "views/plots/plot_widget.h"
#include "views/selection.h"

class QCPBars;
class QCPGraph;
class QCPItemLine;
class QCPItemText;

namespace fxp::views {

/// The current tensor's values on a linear axis, float (line) and fixed (bars), with the format's range drawn on them.
class ValuesPlot : public PlotWidget {
    Q_OBJECT
  public:
    ValuesPlot(model::Document& document, Selection& selection, QWidget* parent = nullptr);

    QString csv() const override;

  protected:
    void resetView() override;
    QString readout(double x, double y) const override;
    void restyle(const Theme& theme) override;
    void rescaleValues() override;

  private:
    void refresh();

    model::Document& m_document;
    Selection& m_selection;
    QCPBars* m_fixed;
    QCPGraph* m_float;
    QCPItemLine* m_limits[2];
    QCPItemText* m_limitTexts[2];
    int m_shown = -1;
    double m_highest = 1;
};

} // namespace fxp::views
