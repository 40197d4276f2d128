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
    /// The name and the summary, above the samples unless a title bar takes it.
    QWidget* heading() const { return m_heading; }

  private:
    void refresh();

    model::Document& m_document;
    model::SampleListModel* m_model;
    QWidget* m_heading;
    QListView* m_list;
    QLabel* m_summary;
    QLabel* m_hint;
};

} // namespace fxp::views
