#include "views/format_actions.h"

#include "quant/core/code_text.h"
#include "quant/core/notation.h"
#include "views/format_clipboard.h"
#include "views/format_edit.h"

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QMenu>
#include <QWidget>

namespace fxp::views {

using quant::Notation;

QMenu* contextMenu(QWidget* parent) {
    auto* menu = new QMenu(parent);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->setToolTipsVisible(true);
    return menu;
}

FormatActions::FormatActions(model::Document& document, Selection& selection, QObject* parent)
    : QObject(parent), m_document(document), m_selection(selection), m_copy(new QAction(tr("&Copy format"), this)),
      m_paste(new QAction(tr("&Paste format"), this)) {
    m_copy->setToolTip(tr("Copy the current tensor's format, with its rounding and overflow"));
    m_paste->setToolTip(tr("Give all selected tensors the format on the clipboard, in one undo step"));
    connect(m_copy, &QAction::triggered, this, &FormatActions::copy);
    connect(m_paste, &QAction::triggered, this, &FormatActions::paste);
}

void FormatActions::addKeysTo(QWidget* widget) {
    m_copy->setShortcut(QKeySequence::Copy);
    m_paste->setShortcut(QKeySequence::Paste);
    for (QAction* action : {m_copy, m_paste}) {
        action->setShortcutContext(Qt::WidgetShortcut);
        widget->addAction(action);
    }
}

std::vector<int> FormatActions::selected() const {
    std::vector<int> slotList;
    for (const int slot : m_selection.slotList()) {
        if (slot >= 0 && slot < m_document.slotCount())
            slotList.push_back(slot);
    }
    return slotList;
}

void FormatActions::copy() {
    const int slot = m_selection.current();
    if (slot >= 0 && slot < m_document.slotCount())
        copyFormat(m_document.format(slot));
}

void FormatActions::paste() {
    if (selected().empty())
        return;
    if (!formatOnClipboard({})) {
        Q_EMIT m_document.failed(tr("Paste format"), tr("the clipboard holds no format"),
                                 tr("copy one of a tensor, or a text: s1.4, Q2.4, ap_fixed<6,2> or fi(1,6,4)"), true);
        return;
    }
    editFormats(m_document, selected(), tr("Paste format"),
                [](quant::QType& format) { format = *formatOnClipboard(format); });
}

QAction* FormatActions::addText(QMenu& menu, const QString& text, const QString& tip, const QString& copied) {
    QAction* action = menu.addAction(text, this, [copied] { QGuiApplication::clipboard()->setText(copied); });
    action->setToolTip(copied.isEmpty() ? tr("There is no way to say this format there") : tip);
    action->setEnabled(!copied.isEmpty());
    return action;
}

void FormatActions::addTo(QMenu& menu) {
    const std::vector<int> slotList = selected();
    menu.addActions({m_copy, m_paste});
    QMenu* code = menu.addMenu(tr("Copy &as"));
    code->setToolTipsVisible(true);
    // A line, or a few, for each tensor; nothing where one of them has none.
    const auto all = [&](const auto& text) {
        QStringList lines;
        for (const int slot : slotList) {
            const std::string one =
                text(m_document.format(slot), m_document.slotInfos()[static_cast<std::size_t>(slot)].path);
            if (one.empty())
                return QString();
            lines << QString::fromStdString(one);
        }
        return lines.join(lines.value(0).endsWith('\n') ? "" : "\n");
    };
    const auto notation = [&](Notation how) {
        return all([how](const quant::QType& format, const std::string&) { return quant::write(format, how); });
    };
    addText(*code, tr("&C type"), tr("A typedef of the integer, and its bits as constants"),
            all([](const quant::QType& format, const std::string& path) { return quant::cTypedef(format, path); }));
    addText(*code, tr("&ap_fixed"), tr("Vitis HLS: ap_fixed<…>"), notation(Notation::ApFixed));
    addText(*code, tr("ac_&fixed"), tr("Catapult: ac_fixed<…>"), notation(Notation::AcFixed));
    addText(*code, tr("&MATLAB fi"), tr("Fixed-Point Designer: fi(…)"), notation(Notation::Fi));
    addText(*code, tr("&numpy"), tr("An expression that quantizes an array x as this format does"),
            all([](const quant::QType& format, const std::string&) { return quant::numpyExpression(format); }));
    QStringList paths;
    for (const int slot : slotList)
        paths << QString::fromStdString(m_document.slotInfos()[static_cast<std::size_t>(slot)].path);
    QAction* path =
        addText(menu, tr("Copy pat&h"), tr("The tensor's name in QConfig files and reports"), paths.join('\n'));
    menu.addSeparator();
    QMenu* fit =
        menu.addMenu(slotList.size() > 1 ? tr("Ca&librate these %1").arg(slotList.size()) : tr("Ca&librate this"));
    fit->setToolTipsVisible(true);
    const std::tuple<QString, QString, quant::Method> methods[] = {
        {tr("&No overflow"), tr("The most fraction bits without overflow"), quant::Method::NoOverflow},
        {tr("&Min MSE"), tr("The fraction bits with the least mean squared error"), quant::Method::MinMse}};
    for (const auto& [text, tip, method] : methods)
        fit->addAction(text, this, [this, method = method] { m_document.refit(selected(), method); })->setToolTip(tip);
    QAction* reset = menu.addAction(tr("Reset to &float"), this, [this] {
        editFormats(m_document, selected(), tr("Make float"), [](quant::QType& format) {
            format.totalBits = format.fractionalBits = std::nullopt;
            format.affine.reset();
        });
    });
    reset->setToolTip(tr("No quantization"));
    for (QAction* action : {code->menuAction(), path, fit->menuAction(), reset})
        action->setEnabled(!slotList.empty());
}

} // namespace fxp::views
