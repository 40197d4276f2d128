#pragma once

#include "model/document.h"

#include <QAbstractListModel>
#include <QImage>

#include <vector>

namespace fxp::model {

/// The samples, those whose prediction quantization changed first.
class SampleListModel : public QAbstractListModel {
    Q_OBJECT
  public:
    enum Role {
        SampleRole = Qt::UserRole, ///< its number
        LabelRole,                 ///< int; invalid without labels
        FloatRole,                 ///< class predicted by the float model; invalid where the model is no classifier
        FixedRole,
        ChangedRole, ///< bool
        StaleRole,   ///< bool: the fixed prediction is of earlier formats
    };

    explicit SampleListModel(Document& document, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    int changedCount() const { return m_changed; }
    bool isStale() const;

  private:
    void reset();
    void reorder();
    QImage thumbnail(int sample) const;
    QString textOf(int sample, const quant::Predictions& predictions) const;
    QVariant prediction(const std::vector<std::int32_t>& classes, int sample) const;

    Document& m_document;
    std::vector<int> m_order; ///< sample by row
    int m_changed = 0;
};

} // namespace fxp::model
