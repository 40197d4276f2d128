#pragma once

#include "model/document.h"
#include "views/selection.h"

#include <QWidget>

#include <array>
#include <functional>
#include <vector>

class QComboBox;
class QGridLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace fxp::views {

class BitsSpin;

/// The format of the selected tensors: bits, rounding, overflow, and the same in every notation; all editable, and
/// every edit applies to all of them. Where they differ it says “mixed”; steps then shift each by the same amount.
class FormatPanel : public QWidget {
    Q_OBJECT
  public:
    FormatPanel(model::Document& document, Selection& selection, QWidget* parent = nullptr);
    ~FormatPanel() override;

    /// The name and how many tensors are selected, above the fields unless a title bar takes it.
    QWidget* heading() const { return m_heading; }

  private:
    void refresh();
    void edit(const QString& text, const std::function<void(quant::QType&)>& change);
    void takeNotation(QLineEdit* field);
    void connectFields();
    void showScale(const quant::QType& format, bool mixed);
    void addButtons(QGridLayout* grid, int row);

    model::Document& m_document;
    Selection& m_selection;
    QWidget* m_heading;
    QLabel* m_count;
    BitsSpin *m_total, *m_fraction, *m_integer;
    QComboBox* m_scaling;
    QLineEdit* m_scale;
    QSpinBox* m_zero;
    QComboBox *m_rounding, *m_overflow;
    std::vector<QWidget*> m_scaleFields, m_pointFields; ///< with their labels; one or the other are shown
    std::array<QLineEdit*, 4> m_notations;
    std::vector<QPushButton*> m_buttons;
    bool m_refreshing = false;
};

} // namespace fxp::views
