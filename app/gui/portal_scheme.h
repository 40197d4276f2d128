#pragma once

#include "app/gui/colour_scheme.h"

#include <QDBusConnection>

class QDBusVariant;

namespace fxp::gui {

/// The scheme that the desktop's portal names (org.freedesktop.appearance, color-scheme), and its changes. Without a
/// portal, and where the user has no preference, it is absent.
class PortalScheme final : public ColourScheme {
    Q_OBJECT
  public:
    explicit PortalScheme(QDBusConnection bus = QDBusConnection::sessionBus(), QObject* parent = nullptr);

    std::optional<bool> isDark() const override { return m_dark; }

  private Q_SLOTS:
    void onSettingChanged(const QString& space, const QString& key, const QDBusVariant& value);

  private:
    void store(QVariant value);

    std::optional<bool> m_dark;
};

} // namespace fxp::gui
