#pragma once

#include "model/document.h"
#include "views/selection.h"

#include <QTimer>
#include <QWidget>

#include <optional>
#include <vector>

class QAction;

namespace fxp::views {

class FormatActions;

/// SQNR of the current tensor's values under neighbouring formats: total bits down, integer bits across. A click takes
/// one; so does Enter, where the arrows have moved the cursor. Of a tensor inside a recurrent step it says that the
/// values stay those of the last run.
class SqnrTable : public QWidget {
    Q_OBJECT
  public:
    SqnrTable(model::Document& document, Selection& selection, QWidget* parent = nullptr);

    /// The cell of a format, in this widget; empty where the table does not show it.
    QRect cellOf(int totalBits, int integerBits) const;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return {240, sizeHint().height()}; }

  protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    bool event(QEvent* event) override;

  private:
    struct Cell {
        int totalBits, integerBits;
        bool operator==(const Cell&) const = default;
    };
    void ask();
    void take(const Cell& cell);
    void copyTable() const;
    /// Where the arrows are; the format's own cell, or the middle, where they have not been.
    Cell cursor() const;
    void moveCursor(int rows, int columns);
    std::optional<Cell> cellAt(const QPoint& position) const;
    QRect rect(std::size_t row, std::size_t column) const;

    model::Document& m_document;
    Selection& m_selection;
    QTimer m_delay;
    int m_slot = -1;
    std::vector<int> m_totals, m_integers;
    std::vector<double> m_sqnr; ///< row by row; empty until it is known
    std::optional<Cell> m_cursor;
    FormatActions* m_actions;
    QAction* m_copy;
    bool m_current = false; ///< m_sqnr is of the values shown
    bool m_fedBack = false; ///< the values would be others under another format
};

} // namespace fxp::views
