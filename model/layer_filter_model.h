#pragma once

#include <QSortFilterProxyModel>

#include <optional>
#include <vector>

namespace fxp::model {

/// Filters and sorts the layer tree. The filter is a list of conditions separated by commas: words of a name or type,
/// and comparisons of the figures: `linear, overflow > 1 %`, `SQNR < 30 dB`, `bits > 8`.
class LayerFilterModel : public QSortFilterProxyModel {
    Q_OBJECT
  public:
    explicit LayerFilterModel(QObject* parent = nullptr);

    void setFilterText(const QString& text);

  protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
    bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

  private:
    struct Condition {
        QString words;
        int column = -1; ///< −1: words
        bool above = false;
        double limit = 0;
    };
    bool accepts(const Condition& condition, int row, const QModelIndex& parent) const;

    std::vector<Condition> m_conditions;
};

} // namespace fxp::model
