#pragma once

#include "app/gui/colour_scheme.h"

#include <QList>
#include <QObject>

#include <memory>

class QAction;
class QSettings;

namespace fxp::gui {

/// The program's light and dark look, or the one that the desktop has. The choice is kept in the settings; a new user
/// follows the desktop.
class Themes : public QObject {
    Q_OBJECT
  public:
    /// `desktop` says what the desktop wants; null: its portal. Where that does not know, the platform's palette does.
    Themes(QSettings& settings, std::unique_ptr<ColourScheme> desktop, QObject* parent = nullptr);

    /// One for each choice, exclusive.
    QList<QAction*> actions() const { return m_actions; }
    /// "light", "dark" or "system".
    QString chosen() const;
    void choose(const QString& name);

  private:
    void apply();
    bool isDark() const;

    QSettings& m_settings;
    std::unique_ptr<ColourScheme> m_desktop;
    PaletteScheme m_palette;
    QList<QAction*> m_actions;
};

} // namespace fxp::gui
