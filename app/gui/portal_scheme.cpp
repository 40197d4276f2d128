#include "app/gui/portal_scheme.h"

#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>

namespace fxp::gui {

namespace {

const QString kService = QStringLiteral("org.freedesktop.portal.Desktop");
const QString kObject = QStringLiteral("/org/freedesktop/portal/desktop");
const QString kInterface = QStringLiteral("org.freedesktop.portal.Settings");
const QString kSpace = QStringLiteral("org.freedesktop.appearance");
const QString kKey = QStringLiteral("color-scheme");
/// So long may the window's first picture wait; a portal that is being started takes longer, and its answer is taken
/// when it comes.
constexpr int kFirstAnswer = 50; // ms
constexpr uint kDark = 1, kLight = 2;

} // namespace

PortalScheme::PortalScheme(QDBusConnection bus, QObject* parent) : ColourScheme(parent) {
    if (!bus.isConnected())
        return;
    qRegisterMetaType<QDBusVariant>(); // else Qt refuses the slot, as long as no message was made
    bus.connect(kService, kObject, kInterface, QStringLiteral("SettingChanged"), this,
                SLOT(onSettingChanged(QString, QString, QDBusVariant)));
    QDBusMessage read = QDBusMessage::createMethodCall(kService, kObject, kInterface, QStringLiteral("Read"));
    read << kSpace << kKey;
    const QDBusMessage answer = bus.call(read, QDBus::Block, kFirstAnswer);
    if (answer.type() == QDBusMessage::ReplyMessage) {
        store(answer.arguments().value(0));
        return;
    }
    auto* late = new QDBusPendingCallWatcher(bus.asyncCall(read), this);
    connect(late, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* watcher) {
        const QDBusPendingReply<QDBusVariant> reply = *watcher;
        if (!reply.isError())
            store(QVariant::fromValue(reply.value()));
        watcher->deleteLater();
    });
}

void PortalScheme::onSettingChanged(const QString& space, const QString& key, const QDBusVariant& value) {
    if (space == kSpace && key == kKey)
        store(value.variant());
}

/// Read answers with a variant in a variant.
void PortalScheme::store(QVariant value) {
    while (value.metaType() == QMetaType::fromType<QDBusVariant>())
        value = value.value<QDBusVariant>().variant();
    const uint preference = value.toUInt();
    const std::optional<bool> dark =
        preference == kDark || preference == kLight ? std::optional(preference == kDark) : std::nullopt;
    if (dark == m_dark)
        return;
    m_dark = dark;
    Q_EMIT changed();
}

} // namespace fxp::gui
