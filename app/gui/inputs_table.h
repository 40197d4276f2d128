#pragma once

#include "model/input_plan.h"

#include <QWidget>

#include <optional>
#include <vector>

class QComboBox;
class QFrame;
class QLabel;
class QLineEdit;
class QStackedWidget;
class QVBoxLayout;

namespace fxp::gui {

/// The inputs of a model, one a row: name, type, shape, where the values come from, and which array, number or shape.
class InputsTable : public QWidget {
    Q_OBJECT
  public:
    explicit InputsTable(QWidget* parent = nullptr);

    /// Rows for the plan's inputs; `arrays` are to choose from. What the user types in stays as it is typed.
    void show(const model::InputPlan& plan, const std::vector<model::ArrayInfo>& arrays, std::uint64_t seed);
    void clear();
    /// Where what the input misses is typed in or chosen; null for no such input.
    QWidget* fieldOf(const QString& input) const;

  Q_SIGNALS:
    /// Absent: the model's default.
    void edited(const QString& input, const std::optional<fxp::model::InputSource>& source);
    void seedEdited(std::uint64_t seed);

  private:
    struct Row {
        QString name;
        bool tensor = false;
        QFrame* frame = nullptr;
        QLabel *type = nullptr, *shape = nullptr, *hint = nullptr;
        QComboBox *source = nullptr, *array = nullptr;
        QStackedWidget* stack = nullptr;
        QLineEdit *number = nullptr, *valueShape = nullptr, *randomShape = nullptr, *seed = nullptr;
    };
    void rebuild(const model::InputPlan& plan, const std::vector<model::ArrayInfo>& arrays);
    void addRow(const model::PlannedInput& planned, const std::vector<model::ArrayInfo>& arrays);
    void showRow(Row& row, const model::PlannedInput& planned, std::uint64_t seed);
    void report(const Row& row);
    static QWidget* fieldOf(const Row& row);

    QString m_shown; ///< names of inputs and arrays that the rows are for
    std::vector<Row> m_rows;
    QVBoxLayout* m_layout;
};

} // namespace fxp::gui
