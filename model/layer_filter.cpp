#include "model/layer_filter.h"

#include "model/layer_filter_condition.h"

#include <QCoreApplication>

#include <utility>

namespace fxp::model {

namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("fxp::model::LayerFilter", text);
}

} // namespace

bool LayerFilter::accepts(const FilteredTensor& tensor) const {
    return !m_condition || m_condition->accepts(tensor);
}

QString LayerFilter::help() {
    const std::pair<const char*, QString> lines[] = {
        {"linear1 act", tr("both words in the path or in the layer's type; “\"…\"” for words with blanks")},
        {"overflow > 1 %", tr("figures: bits, overflow, sqnr, vs float, zero (non-zero values that became 0)")},
        {"sqnr >= 20 and sqnr <= 30 dB", tr("compared by >, >=, <, <=, = and !=; “and” may be left out")},
        {"overflow > 0 or zero > 5 %", tr("either; “and” holds closer than “or”, ( ) closer still")},
        {"not type: layer_norm", tr("fields: name, type, format; “:” has the word in it, “=” is it")},
        {"format = s1.4, bits != 8", tr("a comma is “and”")}};
    QString rows;
    for (const auto& [example, meaning] : lines)
        rows += QStringLiteral(
                    "<tr><td style='white-space: nowrap; padding-right: 10px'><code>%1</code></td><td>%2</td></tr>")
                    .arg(QString::fromUtf8(example).toHtmlEscaped(), meaning.toHtmlEscaped());
    return QStringLiteral("<table>%1</table>").arg(rows);
}

} // namespace fxp::model
