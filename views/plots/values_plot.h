#pragma once

#include "model/document.h"
#include "views/plots/plot_widget.h"
#include "views/selection.h"

#include <vector>

class QCPGraph;
class QCPItemLine;
class QCPItemText;

namespace fxp::views {

/// The current tensor's values on a linear axis: the float model's (line), those that reach its quantizer (dotted) and
/// fixed (bars), with the format's range drawn on them. A bar covers the values of the grid that are counted in it,
/// half a step beyond the outermost on either side; all stand for values in as much of the axis as one bin of the line.
class ValuesPlot : public PlotWidget {
    Q_OBJECT
  public:
    ValuesPlot(model::Document& document, Selection& selection, QWidget* parent = nullptr);

    QString csv() const override;

    /// A bar of the fixed values.
    struct Bar {
        double low = 0, high = 0; ///< what it covers
        double height = 0;        ///< values in as much of the axis as a bin of the line
        std::int64_t count = 0;
    };
    const std::vector<Bar>& bars() const { return m_bars; }

  protected:
    void resetView() override;
    QString readout(double x, double y) const override;
    void restyle(const Theme& theme) override;
    void rescaleValues() override;

  private:
    void refresh();
    void colourBars(const Theme& theme);

    model::Document& m_document;
    Selection& m_selection;
    std::vector<Bar> m_bars;
    QCPGraph* m_fixed;  ///< the bars' outline, filled
    QCPGraph* m_before; ///< values that reach the quantizer
    QCPGraph* m_float;
    QCPItemLine* m_limits[2];
    QCPItemText* m_limitTexts[2];
    int m_shown = -1;
    double m_highest = 1;
};

} // namespace fxp::views
