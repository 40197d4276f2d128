#include "app/gui/message_strip.h"
#include "app/gui/open_dialog.h"
#include "support/dialogs.h"
#include "support/window.h"

#include <QCheckBox>
#include <QLabel>
#include <QPushButton>
#include <QStyleOptionButton>
#include <QTemporaryDir>

#include <cmath>

using namespace fxp;

namespace {

/// As WCAG 2 defines it.
double luminance(const QColor& colour) {
    const auto linear = [](double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
}

double contrast(const QColor& a, const QColor& b) {
    const auto [dark, light] = std::minmax({luminance(a), luminance(b)});
    return (light + 0.05) / (dark + 0.05);
}

/// The greatest contrast of a pixel in the area with the ground.
double greatest(const QImage& image, const QRect& area, const QColor& ground) {
    double most = 1;
    const QRect inside = area & image.rect();
    for (int y = inside.top(); y <= inside.bottom(); ++y) {
        for (int x = inside.left(); x <= inside.right(); ++x)
            most = std::max(most, contrast(image.pixelColor(x, y), ground));
    }
    return most;
}

/// The colour that most of the area has.
QColor groundOf(const QImage& image, const QRect& area) {
    QHash<QRgb, int> counts;
    const QRect inside = area & image.rect();
    for (int y = inside.top(); y <= inside.bottom(); ++y) {
        for (int x = inside.left(); x <= inside.right(); ++x)
            ++counts[image.pixel(x, y)];
    }
    const auto most = std::ranges::max_element(counts);
    return most == counts.end() ? QColor() : QColor(most.key());
}

QRect placeOf(const QWidget& widget, const QWidget& root, const QRect& rect) {
    return {widget.mapTo(&root, rect.topLeft()), rect.size()};
}

constexpr double kText = 4.5, kControl = 3;

/// What cannot be read or seen well.
QStringList faint(QWidget& root) {
    QStringList faint;
    QWidget* focus = root.focusWidget();
    if (focus)
        focus->clearFocus();
    const QImage image = root.grab().toImage();
    const auto require = [&](const QWidget& widget, const QString& what, double is, double least) {
        if (is < least)
            faint << QString("%1 \"%2\": %3").arg(widget.metaObject()->className(), what).arg(is, 0, 'f', 2);
    };
    for (const QCheckBox* box : root.findChildren<QCheckBox*>()) {
        if (!box->isVisibleTo(&root) || !box->isEnabled() || box->visibleRegion().isEmpty())
            continue;
        QStyleOptionButton option;
        option.initFrom(box);
        const QRect indicator =
            placeOf(*box, root, box->style()->subElementRect(QStyle::SE_CheckBoxIndicator, &option, box));
        const QColor ground =
            image.pixelColor(indicator.left() - 2 >= 0 ? indicator.right() + 3 : 0, indicator.center().y());
        // Its left edge, halfway: the frame alone.
        const QRect edge(indicator.left(), indicator.center().y(), 2, 1);
        require(*box, box->text() + ", frame", greatest(image, edge, ground), kControl);
        if (box->isChecked()) {
            const QRect inner = indicator.adjusted(2, 2, -2, -2);
            require(*box, box->text() + ", tick", greatest(image, inner, groundOf(image, inner)), kControl);
        }
    }
    for (const QWidget* widget : root.findChildren<QWidget*>()) {
        const auto* label = qobject_cast<const QLabel*>(widget);
        const auto* button = qobject_cast<const QPushButton*>(widget);
        const QString text = label ? label->text() : button ? button->text() : QString();
        if (text.isEmpty() || !widget->isVisibleTo(&root) || !widget->isEnabled() || widget->visibleRegion().isEmpty())
            continue;
        const int frame = button ? 3 : 0; // which is no text
        const QRect area = placeOf(*widget, root, widget->rect().adjusted(frame, frame, -frame, -frame));
        require(*widget, text, greatest(image, area, groundOf(image, area)), kText);
    }
    return faint;
}

} // namespace

/// Text and controls stand out from their ground in both themes.
class TestContrast : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void dialogs_data();
    void dialogs();
    void window_data();
    void window();

  private:
    QTemporaryDir m_files;
};

void TestContrast::dialogs_data() {
    QTest::addColumn<QString>("theme");
    QTest::addColumn<QString>("name");
    for (const char* theme : {"light", "dark"}) {
        for (const char* name : test::kDialogs)
            QTest::addRow("%s, %s", name, theme) << theme << name;
    }
}

void TestContrast::dialogs() {
    QFETCH(QString, theme);
    QFETCH(QString, name);
    gui::MainWindow window;
    window.applyTheme(theme);
    const auto shown = test::dialog(name, m_files.path());
    shown->show();
    QCoreApplication::processEvents();
    QCOMPARE(faint(*shown).join('\n'), QString());
    for (QCheckBox* box : shown->findChildren<QCheckBox*>())
        box->toggle();
    QCOMPARE(faint(*shown).join('\n'), QString());
}

void TestContrast::window_data() {
    QTest::addColumn<QString>("theme");
    QTest::newRow("light") << "light";
    QTest::newRow("dark") << "dark";
}

/// The window with an open model, and its Open dialog.
void TestContrast::window() {
    QFETCH(QString, theme);
    const auto window = test::cnnWindow();
    QVERIFY(window);
    window->applyTheme(theme);
    window->findChild<gui::MessageStrip*>()->hide(); // it lies over others
    QCoreApplication::processEvents();
    QCOMPARE(faint(*window).join('\n'), QString());
    window->askToOpen(window->document().request());
    auto* dialog = window->findChild<gui::OpenDialog*>();
    auto* open = dialog->findChild<QPushButton*>("primary");
    QTRY_VERIFY_WITH_TIMEOUT(open->isEnabled(), 30'000);
    QCOMPARE(faint(*dialog).join('\n'), QString());
    dialog->reject();
}

QTEST_MAIN(TestContrast)
#include "tst_contrast.moc"
