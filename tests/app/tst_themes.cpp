#include "app/gui/portal_scheme.h"
#include "support/window.h"
#include "views/theme.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusVariant>
#include <QMenu>
#include <QMenuBar>
#include <QProcess>
#include <QSettings>
#include <QSignalSpy>
#include <QThread>

using namespace fxp;

namespace {

/// A desktop that says what the test wants.
class TestScheme final : public gui::ColourScheme {
  public:
    explicit TestScheme(std::optional<bool> dark) : m_dark(dark) {}

    std::optional<bool> isDark() const override { return m_dark; }
    void set(std::optional<bool> dark) {
        m_dark = dark;
        Q_EMIT changed();
    }

  private:
    std::optional<bool> m_dark;
};

/// What a desktop's palette is like, in colours that are not the program's.
QPalette desktopPalette(bool dark) {
    return dark ? QPalette(Qt::white, QColor(40, 40, 40), Qt::white, Qt::black, Qt::gray, Qt::white, Qt::black)
                : QPalette(Qt::black, QColor(220, 220, 220));
}

struct Worker : QThread {
    ~Worker() override {
        quit();
        wait();
    }
};

/// org.freedesktop.portal.Settings as a desktop offers it.
class Portal : public QObject {
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "org.freedesktop.portal.Settings")
  public:
    Portal(uint scheme, bool knows) : m_scheme(scheme), m_knows(knows) {}

  public Q_SLOTS:
    QDBusVariant Read(const QString& space, const QString& key, const QDBusMessage& message) {
        if (m_knows && space == "org.freedesktop.appearance" && key == "color-scheme")
            return QDBusVariant(QVariant::fromValue(QDBusVariant(m_scheme)));
        message.setDelayedReply(true);
        QDBusConnection("portal").send(
            message.createErrorReply("org.freedesktop.portal.Error.NotFound", "Requested setting not found"));
        return QDBusVariant(0);
    }

  private:
    uint m_scheme;
    bool m_knows;
};

} // namespace

/// Light, dark, or as the desktop is.
class TestThemes : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void init() { QSettings().remove("theme"); }
    void newUserFollowsTheDesktop();
    void choiceIsKept_data();
    void choiceIsKept();
    void platformPaletteDecidesWithoutPortal();
    void portal_data();
    void portal();
    void noBus();

  private:
    static bool isDark(gui::MainWindow& window) {
        const QImage picture = window.grab().toImage();
        return picture.pixelColor(picture.width() / 2, picture.height() - 2).lightness() < 128 &&
               views::Theme(window.palette()).dark;
    }
    QProcess m_bus;
    QString m_address;
};

void TestThemes::initTestCase() {
    test::useOwnSettings();
    m_bus.start("dbus-daemon", {"--session", "--nofork", "--print-address"});
    QVERIFY2(m_bus.waitForStarted(), "dbus-daemon is not installed");
    QVERIFY(m_bus.waitForReadyRead());
    m_address = QString::fromUtf8(m_bus.readLine()).trimmed();
}

void TestThemes::newUserFollowsTheDesktop() {
    auto* scheme = new TestScheme(true);
    gui::MainWindow window{std::unique_ptr<gui::ColourScheme>(scheme)};
    window.show();
    QVERIFY(test::action(window, "Follow system")->isChecked());
    QVERIFY(isDark(window));
    scheme->set(false);
    QVERIFY(!isDark(window));
    scheme->set(true);
    QVERIFY(isDark(window));
}

void TestThemes::choiceIsKept_data() {
    QTest::addColumn<QString>("choice");
    QTest::addColumn<bool>("darkOnDark");
    QTest::addColumn<bool>("darkOnLight");
    QTest::newRow("light") << "Light" << false << false;
    QTest::newRow("dark") << "Dark" << true << true;
    QTest::newRow("system") << "Follow system" << true << false;
}

void TestThemes::choiceIsKept() {
    QFETCH(QString, choice);
    QFETCH(bool, darkOnDark);
    QFETCH(bool, darkOnLight);
    for (const bool again : {false, true}) { // the second window is that of the next start
        auto* scheme = new TestScheme(true);
        gui::MainWindow window{std::unique_ptr<gui::ColourScheme>(scheme)};
        window.show();
        QMenu* menu = nullptr;
        for (QMenu* each : window.menuBar()->findChildren<QMenu*>())
            menu = each->title() == "&Theme" ? each : menu;
        QVERIFY(menu);
        QCOMPARE(menu->actions().size(), 3);
        for (QAction* action : menu->actions()) {
            if (!again && action->text().remove('&') == choice)
                action->trigger();
        }
        for (QAction* action : menu->actions())
            QCOMPARE(action->isChecked(), action->text().remove('&') == choice);
        QCOMPARE(isDark(window), darkOnDark);
        scheme->set(false);
        QCOMPARE(isDark(window), darkOnLight);
    }
}

/// The platform gives the application another palette while the program runs.
void TestThemes::platformPaletteDecidesWithoutPortal() {
    auto* scheme = new TestScheme(std::nullopt);
    gui::MainWindow window{std::unique_ptr<gui::ColourScheme>(scheme)};
    window.show();
    QVERIFY(!isDark(window));
    qApp->setPalette(desktopPalette(true));
    QVERIFY(isDark(window));
    QCOMPARE(QApplication::palette().color(QPalette::Window), views::darkPalette().color(QPalette::Window));
    qApp->setPalette(desktopPalette(false));
    QVERIFY(!isDark(window));
    // The program's own changes are not the platform's.
    test::action(window, "Dark")->trigger();
    QVERIFY(isDark(window));
    test::action(window, "Follow system")->trigger();
    QVERIFY(!isDark(window));
    // A portal that finds its voice has priority.
    scheme->set(true);
    QVERIFY(isDark(window));
}

void TestThemes::portal_data() {
    QTest::addColumn<uint>("scheme");
    QTest::addColumn<bool>("knows");
    QTest::addColumn<bool>("atOnce");  // else when the program's events are handled
    QTest::addColumn<int>("expected"); // -1: absent
    QTest::newRow("no preference") << 0u << true << true << -1;
    QTest::newRow("dark") << 1u << true << true << 1;
    QTest::newRow("light") << 2u << true << true << 0;
    QTest::newRow("a number of the future") << 7u << true << true << -1;
    QTest::newRow("an old portal") << 1u << false << true << -1;
    QTest::newRow("slow") << 1u << true << false << 1;
}

void TestThemes::portal() {
    QFETCH(uint, scheme);
    QFETCH(bool, knows);
    QFETCH(bool, atOnce);
    QFETCH(int, expected);
    QDBusConnection bus = QDBusConnection::connectToBus(m_address, "portal");
    QVERIFY(bus.isConnected());
    auto portal = std::make_unique<Portal>(scheme, knows);
    QVERIFY(bus.registerObject("/org/freedesktop/portal/desktop", portal.get(), QDBusConnection::ExportAllSlots));
    QVERIFY(bus.registerService("org.freedesktop.portal.Desktop"));
    Worker worker; // answers while this thread waits
    if (atOnce) {
        worker.start();
        portal->moveToThread(&worker);
    }
    {
        gui::PortalScheme read(QDBusConnection::connectToBus(m_address, "program"));
        const auto shown = [&] { return read.isDark() ? int(*read.isDark()) : -1; };
        if (atOnce)
            QCOMPARE(shown(), expected);
        QTRY_COMPARE(shown(), expected);
        QSignalSpy changed(&read, &gui::ColourScheme::changed);
        const auto tell = [&](const QString& space, const QString& key, uint value) {
            QDBusMessage signal = QDBusMessage::createSignal("/org/freedesktop/portal/desktop",
                                                             "org.freedesktop.portal.Settings", "SettingChanged");
            signal << space << key << QVariant::fromValue(QDBusVariant(value));
            bus.send(signal);
        };
        const uint other = expected == 1 ? 2 : 1;
        tell("org.freedesktop.appearance", "contrast", other);
        tell("org.gnome.desktop.interface", "color-scheme", other);
        tell("org.freedesktop.appearance", "color-scheme", other);
        QVERIFY(changed.wait());
        QCOMPARE(changed.count(), 1);
        QCOMPARE(shown(), expected == 1 ? 0 : 1);
        tell("org.freedesktop.appearance", "color-scheme", 0);
        QVERIFY(changed.wait());
        QCOMPARE(shown(), -1);
    }
    bus.unregisterObject("/org/freedesktop/portal/desktop");
    worker.quit();
    worker.wait();
    portal.reset(); // before the connections that know it
    for (const char* name : {"portal", "program"})
        QDBusConnection::disconnectFromBus(name);
}

void TestThemes::noBus() {
    const gui::PortalScheme none(QDBusConnection::connectToBus(QStringLiteral("unix:path=/no/such/bus"), "none"));
    QVERIFY(!none.isDark());
}

QTEST_MAIN(TestThemes)
#include "tst_themes.moc"
