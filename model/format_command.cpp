#include "model/format_command.h"

namespace fxp::model {

FormatCommand::FormatCommand(Document& document, FormatEdit after, const QString& text, int gesture)
    : QUndoCommand(text), m_document(document), m_after(std::move(after)), m_gesture(gesture) {
    for (const auto& [slot, format] : m_after)
        m_before.emplace(slot, document.format(slot));
}

void FormatCommand::undo() {
    m_document.applyFormats(m_before);
}
void FormatCommand::redo() {
    m_document.applyFormats(m_after);
}

bool FormatCommand::mergeWith(const QUndoCommand* other) {
    const auto* later = static_cast<const FormatCommand*>(other);
    if (later->m_gesture != m_gesture)
        return false;
    for (const auto& [slot, format] : later->m_before)
        m_before.emplace(slot, format); // the earliest state of a slot stays
    for (const auto& [slot, format] : later->m_after)
        m_after.insert_or_assign(slot, format);
    return true;
}

} // namespace fxp::model
