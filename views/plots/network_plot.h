#pragma once

#include "model/document.h"
#include "views/plots/plot_widget.h"
#include "views/selection.h"

#include <vector>

class QCPBars;

namespace fxp::views {

/// Every tensor of the network in order: SQNR against float as bars, overflow in red above them. A click selects; ← →
/// select the previous and the next tensor, Home and End the first and the last.
class NetworkPlot : public PlotWidget {
    Q_OBJECT
  public:
    NetworkPlot(model::Document& document, Selection& selection, QWidget* parent = nullptr);

    QString csv() const override;
    /// A module's name below the axis, and its place in this widget.
    struct Label {
        QString name;
        QRect area;
    };
    const std::vector<Label>& labels() const { return m_labels; }

  protected:
    void resetView() override;
    QString readout(double x, double y) const override;
    void restyle(const Theme& theme) override;
    void rescaleValues() override;
    void clicked(double x, double y) override;
    void menuAsked(double x) override { clicked(x, 0); }
    void walk(int steps) override;
    void walkToEnd(bool last) override;

  private:
    void refresh();
    void label();
    int slotAt(double x) const;
    void select(std::size_t place);

    model::Document& m_document;
    Selection& m_selection;
    QCPBars* m_good;
    QCPBars* m_weak;
    QCPBars* m_bad;
    QCPBars* m_stale;
    QCPBars* m_selected;
    QCPBars* m_overflow;
    std::vector<int> m_order; ///< slots with figures, in the network's order
    std::vector<Label> m_labels;
    int m_labelledWidth = 0; ///< pixels
    double m_highest = 1;
};

} // namespace fxp::views
