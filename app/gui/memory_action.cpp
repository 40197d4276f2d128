#include "app/gui/memory_action.h"

#include "app/gui/memory_dialog.h"
#include "app/gui/memory_result.h"

#include <QPointer>

namespace fxp::gui {

void exportMemory(model::Document& document, const QString& folder, QWidget* parent) {
    MemoryDialog dialog(document.slotInfos(), document.formats(), document.model()->sampleCount, folder, parent);
    if (dialog.exec() != QDialog::Accepted)
        return;
    document.exportMemory(dialog.folder(), dialog.options(),
                          [window = QPointer<QWidget>(parent)](const model::MemoryWritten& written) {
                              auto* result = new MemoryResult(written, window);
                              result->setAttribute(Qt::WA_DeleteOnClose);
                              result->open();
                          });
}

} // namespace fxp::gui
