#pragma once

#include <QObject>

#include <optional>

class QPalette;

namespace fxp::gui {

/// Says whether the desktop wants windows light or dark.
class ColourScheme : public QObject {
    Q_OBJECT
  public:
    using QObject::QObject;

    /// Absent where this source does not know, or the desktop has no preference.
    virtual std::optional<bool> isDark() const = 0;

  Q_SIGNALS:
    void changed();
};

/// Text lighter than what it stands on.
bool isDark(const QPalette& palette);

/// The scheme of the palette that the platform gives the application: as it is when this is made, and after each change
/// that is not the program's own.
class PaletteScheme final : public ColourScheme {
    Q_OBJECT
  public:
    explicit PaletteScheme(QObject* parent = nullptr);

    std::optional<bool> isDark() const override { return m_dark; }
    /// Gives the application the program's own palette and style sheet, for which isDark() does not change.
    void setOwn(const QPalette& palette, const QString& styleSheet);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    QPalette platformPalette();
    void read(const QPalette& palette);

    bool m_dark = false;
    bool m_own = false; ///< the palette is being changed by the program
};

} // namespace fxp::gui
