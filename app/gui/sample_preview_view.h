#pragma once

#include "model/sample_preview.h"
#include "quant/engine/array.h"

#include <QWidget>

#include <memory>
#include <optional>
#include <vector>

class QGridLayout;
class QLabel;
class QToolButton;

namespace fxp::gui {

class ClassChart;
class SamplePicture;

/// What one of the samples is, before anything runs: its picture, trace, text or numbers, its figures, and how many
/// samples each class has. The arrow keys go to the next and the one before.
class SamplePreviewView : public QWidget {
    Q_OBJECT
  public:
    explicit SamplePreviewView(QWidget* parent = nullptr);

    struct Content {
        std::shared_ptr<const quant::Array> array;     ///< null: nothing to show
        QString input;                                 ///< of the model, which takes it
        std::int64_t samples = 1;                      ///< along dimension 0; 1: the array is one
        std::vector<std::int32_t> labels;              ///< by sample; empty: none
        std::int64_t chosenOn = 0;                     ///< samples that choose; 0: all
        std::optional<std::pair<double, double>> span; ///< of all samples
    };
    void show(Content content);
    std::int64_t sample() const { return m_sample; }

  protected:
    void keyPressEvent(QKeyEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

  private:
    void go(std::int64_t by);
    void refresh();

    Content m_content;
    std::int64_t m_sample = 0;
    QLabel *m_heading, *m_input;
    QToolButton *m_back, *m_forward;
    SamplePicture* m_picture;
    QWidget* m_figures;
    QGridLayout* m_grid;
    QLabel* m_classesTitle;
    ClassChart* m_classes;
};

} // namespace fxp::gui
