#include "views/layers/filter_edit.h"

#include "views/theme.h"

#include <QHelpEvent>
#include <QInputMethodEvent>
#include <QTextCharFormat>
#include <QToolTip>

namespace fxp::views {

FilterEdit::FilterEdit(QWidget* parent) : QLineEdit(parent) {
    setClearButtonEnabled(true);
    setAccessibleName(tr("Filter of the layer tree"));
    setToolTip(model::LayerFilter::help());
    setWhatsThis(model::LayerFilter::help());
}

void FilterEdit::setProblems(const QList<model::LayerFilter::Problem>& problems) {
    m_problems = problems;
    QStringList said;
    for (const auto& problem : problems)
        said << problem.text;
    setAccessibleDescription(said.join(' '));
    underline();
}

void FilterEdit::underline() {
    // A line edit has no other door to its text's formats than an input method's; with no text of its own the event
    // changes nothing else.
    const Theme theme(palette());
    QList<QInputMethodEvent::Attribute> attributes;
    for (const auto& problem : m_problems) {
        QTextCharFormat wave;
        wave.setUnderlineStyle(QTextCharFormat::WaveUnderline);
        wave.setUnderlineColor(theme.danger);
        wave.setBackground(theme.dangerFaint); // the wave alone is a thin line
        attributes << QInputMethodEvent::Attribute(QInputMethodEvent::TextFormat,
                                                   static_cast<int>(problem.at) - cursorPosition(),
                                                   static_cast<int>(problem.length), wave);
    }
    QInputMethodEvent event({}, attributes);
    inputMethodEvent(&event);
}

QString FilterEdit::tipAt(const QPoint& position) {
    const int letter = cursorPositionAt(position);
    for (const auto& problem : m_problems) {
        if (letter >= problem.at && letter <= problem.at + problem.length)
            return problem.text;
    }
    return toolTip();
}

bool FilterEdit::event(QEvent* event) {
    switch (event->type()) {
    case QEvent::ToolTip: {
        const auto* help = static_cast<QHelpEvent*>(event);
        QToolTip::showText(help->globalPos(), tipAt(help->pos()), this);
        return true;
    }
    case QEvent::ShortcutOverride: // before the window's Esc stops what is under way
        if (static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape && !text().isEmpty()) {
            event->accept();
            return true;
        }
        break;
    case QEvent::PaletteChange: underline(); break;
    default: break;
    }
    return QLineEdit::event(event);
}

void FilterEdit::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape && !text().isEmpty()) {
        clear();
        return;
    }
    QLineEdit::keyPressEvent(event);
}

} // namespace fxp::views
