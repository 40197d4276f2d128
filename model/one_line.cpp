#include "model/one_line.h"

#include "quant/core/one_line.h"

namespace fxp::model {

QString oneLine(const QString& text) {
    return QString::fromStdString(fxp::oneLine(text.toStdString()));
}

} // namespace fxp::model
