#include "app/gui/open_dialog.h"
#include "support/dialogs.h"
#include "support/window.h"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSpinBox>
#include <QComboBox>
#include <QHeaderView>
#include <QLineEdit>
#include <QMenu>
#include <QMenuBar>
#include <QRegularExpression>
#include <QSettings>
#include <QTableView>
#include <QTemporaryDir>
#include <QToolBar>
#include <QTreeView>

using namespace fxp;

namespace {

/// Letters and digits alone, and no key in brackets.
QString plain(QString text) {
    static const QRegularExpression kKey(QStringLiteral(R"(\s*\((Ctrl|Shift|Alt|Esc|F\d)[^)]*\)$)"));
    static const QRegularExpression kRest(QStringLiteral(R"([^\p{L}\p{N} ]|<[^>]*>)"));
    return text.remove(kKey).remove(kRest).trimmed().toLower();
}

bool saysMore(const QString& tip, const QString& text) {
    return plain(tip).size() > plain(text).size() && plain(tip) != plain(text);
}

QString describe(const QObject& object) {
    QString text = object.metaObject()->className();
    if (!object.objectName().isEmpty())
        text += " " + object.objectName();
    for (const char* property : {"accessibleName", "text"}) {
        if (const QString value = object.property(property).toString(); !value.isEmpty())
            text += " \"" + value + "\"";
    }
    return text;
}

const QHeaderView* headOf(const QAbstractItemView& view) {
    if (const auto* table = qobject_cast<const QTableView*>(&view))
        return table->horizontalHeader();
    const auto* tree = qobject_cast<const QTreeView*>(&view);
    return tree ? tree->header() : nullptr;
}

/// Parts that Qt makes inside widgets of its own.
bool isInside(const QWidget& widget) {
    for (const QWidget* each = &widget; each; each = each->parentWidget()) {
        if (each->objectName().startsWith("qt_"))
            return true;
    }
    const QWidget* parent = widget.parentWidget();
    return parent && (qobject_cast<const QAbstractSpinBox*>(parent) || qobject_cast<const QComboBox*>(parent) ||
                      qobject_cast<const QLineEdit*>(parent) || qobject_cast<const QAbstractItemView*>(parent));
}

/// What has no tool tip that says more than its own text.
QStringList untold(QWidget& root) {
    QStringList lacking;
    const auto require = [&](const QObject& object, const QString& tip, const QString& text) {
        if (!saysMore(tip, text))
            lacking << describe(object) + ": \"" + tip + "\"";
    };
    const auto* menuBar = root.findChild<QMenuBar*>();
    const QList<QAction*> titles = menuBar ? menuBar->actions() : QList<QAction*>(); // they open at once
    for (QWidget* widget : root.findChildren<QWidget*>()) {
        if (auto* menu = qobject_cast<QMenu*>(widget)) {
            for (QAction* action : menu->actions()) {
                if (!action->isSeparator() && !isInside(*menu) && !titles.contains(action))
                    require(*action, action->statusTip().isEmpty() ? action->toolTip() : action->statusTip(),
                            action->text());
            }
        } else if (auto* bar = qobject_cast<QToolBar*>(widget)) {
            for (QAction* action : bar->actions()) {
                if (!action->isSeparator() && !action->text().isEmpty())
                    require(*action, action->toolTip(), action->text());
            }
        }
        if (isInside(*widget))
            continue;
        if (const auto* button = qobject_cast<QAbstractButton*>(widget))
            require(*button, button->toolTip(), button->text());
        else if (qobject_cast<QComboBox*>(widget) || qobject_cast<QAbstractSpinBox*>(widget) ||
                 qobject_cast<QLineEdit*>(widget))
            require(*widget, widget->toolTip(), widget->accessibleName());
        const auto* view = qobject_cast<QAbstractItemView*>(widget);
        const QHeaderView* head = view ? headOf(*view) : nullptr;
        for (int column = 0; head && !head->isHidden() && column < head->count(); ++column) {
            const auto said = [&](Qt::ItemDataRole role) {
                return view->model()->headerData(column, Qt::Horizontal, role).toString();
            };
            if (!saysMore(said(Qt::ToolTipRole), said(Qt::DisplayRole)))
                lacking << describe(*view) + ", column \"" + said(Qt::DisplayRole) + "\"";
        }
    }
    lacking.removeDuplicates();
    return lacking;
}

} // namespace

/// Nothing that can be pressed or filled in leaves its user guessing.
class TestTooltips : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() {
        test::useOwnSettings();
        QSettings().clear(); // no recent files of other tests, which are gone
    }
    void whatSaysMore_data();
    void whatSaysMore();
    void inTheWindow();
    void inTheOpenDialog();
    void inDialogs_data();
    void inDialogs();
    void undoNamesTheEdit();

  private:
    QTemporaryDir m_files;
};

/// The rule itself.
void TestTooltips::whatSaysMore_data() {
    QTest::addColumn<QString>("tip");
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("more");
    QTest::newRow("none") << ""
                          << "Run" << false;
    QTest::newRow("the text") << "Run"
                              << "&Run…" << false;
    QTest::newRow("the text and a key") << "Run (F5)"
                                        << "Run" << false;
    QTest::newRow("more") << "Run the model (F5)"
                          << "Run" << true;
    QTest::newRow("of an icon") << "Close"
                                << "" << true;
}

void TestTooltips::whatSaysMore() {
    QFETCH(QString, tip);
    QFETCH(QString, text);
    QTEST(saysMore(tip, text), "more");
}

void TestTooltips::inTheWindow() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    QVERIFY(window->menuBar()->actions().size() >= 6);
    QCOMPARE(untold(*window).join('\n'), QString());
}

void TestTooltips::inTheOpenDialog() {
    const auto window = test::cnnWindow();
    QVERIFY(window);
    window->askToOpen(window->document().request());
    auto* dialog = window->findChild<gui::OpenDialog*>();
    QVERIFY(dialog);
    QTRY_VERIFY_WITH_TIMEOUT(test::named<QComboBox>(*dialog, "Source of image"), 30'000);
    QCOMPARE(untold(*dialog).join('\n'), QString());
    dialog->reject();
}

void TestTooltips::inDialogs_data() {
    QTest::addColumn<bool>("unused");
    for (const char* name : test::kDialogs)
        QTest::newRow(name) << true;
}

void TestTooltips::inDialogs() {
    const auto shown = test::dialog(QTest::currentDataTag(), m_files.path());
    shown->show();
    QCOMPARE(untold(*shown).join('\n'), QString());
}

void TestTooltips::undoNamesTheEdit() {
    const auto window = test::cnnWindow();
    QVERIFY(window);
    auto& document = window->document();
    QAction* undo = test::action(*window, "Undo");
    QVERIFY(!undo->toolTip().contains("half the bits"));
    QVERIFY(document.setFormats({{0, {4, 2, {}, {}}}}, "half the bits"));
    QVERIFY(undo->toolTip().contains("half the bits"));
    undo->trigger();
    QVERIFY(test::action(*window, "Redo")->toolTip().contains("half the bits"));
}

QTEST_MAIN(TestTooltips)
#include "tst_tooltips.moc"
