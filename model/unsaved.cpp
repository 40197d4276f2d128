#include "model/unsaved.h"

#include <QCoreApplication>
#include <QStringList>

namespace fxp::model {

QString inWords(const Unsaved& unsaved) {
    const auto tr = [](const char* text) { return QCoreApplication::translate("Unsaved", text); };
    QStringList parts;
    if (unsaved.formats == 1)
        parts << tr("the format of 1 tensor");
    else if (unsaved.formats > 1)
        parts << tr("formats of %1 tensors").arg(unsaved.formats);
    if (unsaved.folding)
        parts << tr("folding of batch norms");
    if (unsaved.weights)
        parts << (unsaved.tuned ? tr("fine-tuned weights") : tr("loaded weights"));
    return parts.join(", ");
}

} // namespace fxp::model
