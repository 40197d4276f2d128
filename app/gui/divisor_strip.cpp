#include "app/gui/divisor_strip.h"

#include <algorithm>

namespace fxp::gui {

namespace {

constexpr int kNamed = 2; ///< of those after the first

} // namespace

DivisorStrip::DivisorStrip(model::Document& document, views::Selection& selection, QWidget* parent)
    : MessageStrip(parent), m_document(document), m_selection(selection) {
    for (const auto signal :
         {&model::Document::modelChanged, &model::Document::formatsChanged, &model::Document::resultChanged})
        connect(&document, signal, this, &DivisorStrip::refresh);
}

void DivisorStrip::refresh() {
    const auto result = m_document.result();
    // After an edit the message stays until the run has answered; where no run comes by itself, it is of the past.
    const bool past = result && result->outputsStale && !m_document.isLive();
    if (!result || result->warnings.empty() || past) {
        m_told.clear();
        hide();
        return;
    }
    QStringList paths;
    for (const std::string& warning : result->warnings)
        paths << QString::fromStdString(warning).section(": ", 0, 0);
    const bool more = std::ranges::any_of(paths, [&](const QString& path) { return !m_told.contains(path); });
    if (!more && isHidden())
        return; // the user has closed it
    m_told = paths;
    QString text = tr("%1 is divided by: %2.")
                       .arg(paths.front(), QString::fromStdString(result->warnings.front()).section(": ", 1));
    if (paths.size() > 1)
        text +=
            tr(" So it is with %1 after it.")
                .arg(paths.mid(1, kNamed).join(", ") + (paths.size() > 1 + kNamed ? QStringLiteral(", …") : QString()));
    offer(text + tr(" A finer step keeps them."), tr("Show tensor"), [this, path = paths.front()] {
        if (const int slot = m_document.slotOf(path); slot >= 0)
            m_selection.select(slot);
    });
}

} // namespace fxp::gui
