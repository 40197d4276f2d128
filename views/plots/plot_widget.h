#pragma once

#include <QSharedPointer>
#include <QWidget>

class QAction;
class QCPAxisTicker;
class QCustomPlot;
class QLabel;

namespace fxp::views {

class FormatActions;
struct Theme;

/// What every plot has: zoom by wheel, pan by drag, reset by double click, a read-out under the pointer, a logarithmic
/// axis, export to PNG, SVG, PDF and CSV, copy; and a text in place of an empty plot. By keys: ← → pan, + − zoom, 0
/// resets, L changes the axis, Ctrl+C copies.
class PlotWidget : public QWidget {
    Q_OBJECT
  public:
    explicit PlotWidget(const QString& name, QWidget* parent = nullptr);

    /// Writes the plot in the format of the file's ending: png, svg, pdf or csv. Throws Error.
    void exportTo(const QString& file);
    void copy();
    void setLogarithmic(bool logarithmic);
    /// What takes the keys.
    QWidget* canvas() const;
    /// The plotted numbers, with a line of headings.
    virtual QString csv() const = 0;

  protected:
    QCustomPlot* plot() const { return m_plot; }
    /// Shows the text and no plot; an empty text shows the plot.
    void setEmptyText(const QString& text);
    /// The whole data in view.
    virtual void resetView() = 0;
    /// What is under the pointer, in axis coordinates; empty for nothing.
    virtual QString readout(double x, double y) const = 0;
    /// Colours from the palette, after a change of theme.
    virtual void restyle(const Theme& theme) = 0;
    /// The value axis' log setting changed.
    virtual void rescaleValues() {}
    virtual void clicked(double /*x*/, double /*y*/) {}
    bool isLogarithmic() const { return m_logarithmic; }
    /// Puts what can be done with the selected tensors' formats into the context menu.
    void setFormatActions(FormatActions* actions) { m_actions = actions; }
    /// A context menu is asked for there, in axis coordinates: before it is shown.
    virtual void menuAsked(double /*x*/) {}
    /// By `steps` tenths of the view to the right.
    virtual void walk(int steps);
    /// To the first or the last of what is plotted.
    virtual void walkToEnd(bool /*last*/) {}

    void changeEvent(QEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void applyTheme();

  private:
    void showMenu(const QPoint& at);
    void zoom(double factor);
    void resetAll();
    void exportWithDialog(const QString& ending);

    QString m_name;
    QCustomPlot* m_plot;
    QLabel* m_empty;
    QAction* m_copy;
    QSharedPointer<QCPAxisTicker> m_linearTicker;
    QPoint m_pressed;
    FormatActions* m_actions = nullptr;
    bool m_logarithmic = false;
};

} // namespace fxp::views
