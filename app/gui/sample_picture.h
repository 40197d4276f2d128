#pragma once

#include "model/sample_preview.h"

#include <QWidget>

#include <vector>

namespace fxp::gui {

/// A sample as a picture, a trace with its axes, or text.
class SamplePicture : public QWidget {
  public:
    explicit SamplePicture(QWidget* parent = nullptr);
    void show(const model::SamplePreview& preview);
    void clear();

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    void paintTrace(QPainter& painter, const QRect& frame) const;

    bool m_empty = true;
    model::SamplePreview m_preview;
};

/// Samples of each class: those that choose dark, those held out light on top.
class ClassChart : public QWidget {
  public:
    static constexpr int kMostClasses = 20;

    explicit ClassChart(QWidget* parent = nullptr);
    /// Nothing for more than kMostClasses classes, and for a negative one.
    void show(const std::vector<std::int32_t>& labels, std::int64_t chosenOn);
    bool hasBars() const { return !m_bars.empty(); }

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    struct Bar {
        int chosen = 0, heldOut = 0;
    };
    std::vector<Bar> m_bars; ///< by class
};

} // namespace fxp::gui
