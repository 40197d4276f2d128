#include "model/document.h"
#include "model/fold_command.h"
#include "model/weights_command.h"

#include <QFileInfo>

#include <algorithm>

namespace fxp::model {

namespace {

bool sameArrays(const ArraysPointer& a, const ArraysPointer& b) {
    if (!a || !b || a->items.size() != b->items.size())
        return a == b;
    return std::ranges::all_of(a->items, [&](const auto& item) {
        const quant::Array* other = b->find(item.first);
        return other && other->type == item.second.type && other->shape == item.second.shape &&
               other->bytes == item.second.bytes;
    });
}

} // namespace

Unsaved Document::unsaved() const {
    Unsaved unsaved;
    if (!m_model)
        return unsaved;
    const auto origin = weightsOrigin();
    unsaved.weights = m_weights && origin.file.isEmpty();
    unsaved.tuned = unsaved.weights && origin.tuned;
    unsaved.folding = m_model->identity.folded != m_savedModel->identity.folded;
    if (m_model == m_savedModel) {
        for (std::size_t i = 0; i < m_formats.size(); ++i)
            unsaved.formats += m_formats[i] != m_savedFormats[i];
        return unsaved;
    }
    static const quant::QType kFloat;
    for (std::size_t i = 0; i < m_formats.size(); ++i) {
        const auto saved = m_savedModel->slotByPath.find(m_model->slots[i].path);
        const bool known = saved != m_savedModel->slotByPath.end();
        unsaved.formats += m_formats[i] != (known ? m_savedFormats[static_cast<std::size_t>(saved->second)] : kFloat);
    }
    return unsaved;
}

void Document::updateModified() {
    const bool modified = unsaved().any();
    if (modified == m_modified)
        return;
    m_modified = modified;
    Q_EMIT modifiedChanged(modified);
}

/// The formats and the folding shown lie in a file now: in that of the QConfig, or in another.
void Document::storeSaved(bool inQConfig) {
    m_savedModel = m_model;
    m_savedFormats = m_formats;
    m_savedInQConfig = inQConfig;
    updateModified();
    Q_EMIT saved();
}

void Document::markSaved() {
    if (!isOpen())
        return;
    const Unsaved before = unsaved();
    m_undo.setClean();
    storeSaved(m_savedInQConfig && before.formats == 0 && !before.folding);
}

bool Document::isInQConfig() const {
    const Unsaved now = unsaved();
    return m_savedInQConfig && now.formats == 0 && !now.folding;
}

EditState Document::editState() const {
    EditState state;
    if (!m_model)
        return state;
    state.folded = m_model->identity.folded;
    for (std::size_t i = 0; i < m_formats.size(); ++i) {
        if (m_formats[i] != quant::QType())
            state.formats.emplace(m_model->slots[i].path, m_formats[i]);
    }
    const auto origin = weightsOrigin();
    state.weights = origin.file;
    state.tuned = origin.tuned;
    return state;
}

void Document::saveWeights(const QString& file, const std::function<void()>& then) {
    Job<ArraysPointer> job;
    job.title = tr("Saving weights");
    job.work = [file](const Target& target, const JobControl& control) -> std::optional<ArraysPointer> {
        if (!model::saveWeights(target, file, control))
            return std::nullopt;
        return target.weights;
    };
    job.done = [this, file, then](const ArraysPointer& weights) {
        m_origins.note(weights, {QFileInfo(file).absoluteFilePath(), m_origins.of(weights).tuned});
        updateModified();
        Q_EMIT saved();
        if (then)
            then();
    };
    start(std::move(job));
}

void Document::restore(const EditState& state, const QString& undoText, const std::function<void()>& then) {
    Job<Restored> job;
    job.title = tr("Taking up edits");
    job.work = [state](const Target& target, const JobControl& control) {
        return model::restore(target, state, control);
    };
    job.done = [this, state, undoText, then](const Restored& restored) {
        onRestored(restored, state, undoText);
        if (then)
            then();
    };
    start(std::move(job));
}

void Document::onRestored(const Restored& restored, const EditState& state, const QString& undoText) {
    const bool folds = restored.model->identity.folded != m_model->identity.folded;
    const OpenedModel& model = folds ? *restored.model : *m_model;
    quant::Formats formats(model.slots.size());
    std::size_t known = 0;
    for (std::size_t i = 0; i < formats.size(); ++i) {
        const auto found = state.formats.find(model.slots[i].path);
        if (found == state.formats.end() || model.slots[i].absent)
            continue;
        formats[i] = found->second;
        ++known;
    }
    ArraysPointer weights = restored.weights;
    if (sameArrays(weights, m_weights))
        weights = m_weights;
    else
        m_origins.note(weights, {undoText.isEmpty() ? state.weights : QString(), state.tuned});

    m_undo.beginMacro(undoText);
    if (folds)
        m_undo.push(new FoldCommand(*this, {m_model, m_formats}, {restored.model, formats}, undoText));
    if (weights != m_weights)
        m_undo.push(new WeightsCommand(*this, m_weights, weights, undoText));
    FormatEdit edit;
    for (std::size_t i = 0; i < formats.size(); ++i)
        edit.emplace(static_cast<int>(i), formats[i]);
    setFormats(edit, undoText);
    m_undo.endMacro();
    if (undoText.isEmpty()) {
        m_undo.clear();
        markSaved();
    }
    if (known < state.formats.size())
        Q_EMIT notice(tr("%n tensor(s) that had formats are not in the model as it runs now.", nullptr,
                         static_cast<int>(state.formats.size() - known)));
}

} // namespace fxp::model
