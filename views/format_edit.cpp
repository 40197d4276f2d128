#include "views/format_edit.h"

#include "quant/core/error.h"

namespace fxp::views {

bool editFormats(model::Document& document, const std::vector<int>& slotList, const QString& text,
                 const std::function<void(quant::QType&)>& change, int gesture) {
    try {
        model::FormatEdit edit;
        for (const int slot : slotList) {
            if (slot < 0 || slot >= document.slotCount())
                continue; // of a model that was open before
            quant::QType format = document.format(slot);
            change(format);
            edit.emplace(slot, std::move(format));
        }
        document.setFormats(edit, text, gesture);
        return true;
    } catch (const Error& error) {
        Q_EMIT document.failed(QString::fromStdString(error.where), QString::fromStdString(error.problem),
                               QString::fromStdString(error.hint), true);
    }
    return false;
}

} // namespace fxp::views
