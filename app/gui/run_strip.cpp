#include "app/gui/run_strip.h"

#include "model/thresholds.h"
#include "views/power_text.h"

#include <algorithm>
#include <cmath>

namespace fxp::gui {

namespace {

constexpr int kNamed = 2; ///< of those after the first

/// A finding of a run, "path: what happened".
struct Finding {
    explicit Finding(const std::string& text)
        : path(QString::fromStdString(text).section(": ", 0, 0)), what(QString::fromStdString(text).section(": ", 1)) {}

    QString path, what;
};

QString collapseText(const quant::RunResult& result, const Finding& first) {
    const double sqnr = result.outputs.front().sqnr;
    const QString figure =
        std::isfinite(sqnr) ? RunStrip::tr("%1 dB").arg(views::fixedText(sqnr, 1)) : RunStrip::tr("no number");
    return RunStrip::tr("The output has collapsed: its SQNR is %1. First below %2 dB: %3, %4.")
        .arg(figure)
        .arg(model::kBadSqnr)
        .arg(first.path, first.what);
}

} // namespace

RunStrip::RunStrip(model::Document& document, views::Selection& selection, QWidget* parent)
    : MessageStrip(parent), m_document(document), m_selection(selection) {
    for (const auto signal :
         {&model::Document::modelChanged, &model::Document::formatsChanged, &model::Document::resultChanged})
        connect(&document, signal, this, &RunStrip::refresh);
}

void RunStrip::refresh() {
    const auto result = m_document.result();
    // After an edit the message stays until the run has answered; where no run comes, it is of the past.
    const bool past = result && result->outputsStale && !m_document.isCatchingUp();
    if (!result || (result->warnings.empty() && result->collapse.empty()) || past) {
        m_told.clear();
        hide();
        return;
    }
    QString text;
    QStringList paths, divisors;
    for (const std::string& warning : result->warnings)
        divisors << Finding(warning).path;
    if (!result->collapse.empty()) {
        const Finding first(result->collapse);
        paths << first.path;
        text = collapseText(*result, first);
        if (divisors.removeOne(first.path))
            text += tr(" The layer divides by it.");
    }
    if (!divisors.empty()) {
        const auto& warnings = result->warnings;
        const auto named = std::ranges::find_if(
            warnings, [&](const std::string& warning) { return Finding(warning).path == divisors.front(); });
        if (!text.isEmpty())
            text += ' ';
        text += tr("%1 is divided by: %2.").arg(divisors.front(), Finding(*named).what);
        if (divisors.size() > 1)
            text += tr(" So it is with %1 after it.")
                        .arg(divisors.mid(1, kNamed).join(", ") +
                             (divisors.size() > 1 + kNamed ? QStringLiteral(", …") : QString()));
    }
    if (!result->warnings.empty())
        text += tr(" A finer step keeps them.");
    paths << divisors;
    const bool more = std::ranges::any_of(paths, [&](const QString& path) { return !m_told.contains(path); });
    if (!more && isHidden())
        return; // the user has closed it
    m_told = paths;
    warn(text, tr("Show tensor"), [this, path = paths.front()] {
        if (const int slot = m_document.slotOf(path); slot >= 0)
            m_selection.select(slot);
    });
}

} // namespace fxp::gui
