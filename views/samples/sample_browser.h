#pragma once

#include "model/document.h"

#include <QWidget>

class QLabel;
class QListView;

namespace fxp::model {
class SampleListModel;
}

namespace fxp::views {

/// The samples as thumbnails with label and prediction, float against fixed; those that quantization changed stand
/// first.
class SampleBrowser : public QWidget {
    Q_OBJECT
  public:
    explicit SampleBrowser(model::Document& document, QWidget* parent = nullptr);

    QListView* list() const { return m_list; }

  private:
    void refresh();

    model::Document& m_document;
    model::SampleListModel* m_model;
    QListView* m_list;
    QLabel* m_summary;
    QLabel* m_hint;
};

} // namespace fxp::views
