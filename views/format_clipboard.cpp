#include "views/format_clipboard.h"

#include "quant/core/error.h"
#include "quant/core/notation.h"
#include "quant/io/format_json.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QMimeData>

namespace fxp::views {

using quant::Notation;

namespace {

constexpr auto kMimeType = "application/x-fxp-format+json";

} // namespace

QString formatText(const quant::QType& format) {
    const std::string text = quant::write(format, Notation::ApFixed);
    if (!text.empty() || format.isPartial())
        return QString::fromStdString(text);
    return QString::fromStdString(quant::write(format, Notation::SignIntegerFraction) + " " + methodName(format));
}

void copyFormat(const quant::QType& format) {
    auto* data = new QMimeData;
    data->setText(formatText(format));
    data->setData(kMimeType, QByteArray::fromStdString(quant::extensionJson(format).dump()));
    QGuiApplication::clipboard()->setMimeData(data);
}

std::optional<quant::QType> formatOnClipboard(const quant::QType& base) {
    const QMimeData* data = QGuiApplication::clipboard()->mimeData();
    if (!data)
        return std::nullopt;
    if (data->hasFormat(kMimeType)) {
        const auto json = quant::Json::parse(data->data(kMimeType).toStdString(), nullptr, false);
        try {
            if (!json.is_discarded())
                return quant::extensionFromJson(json, {});
        } catch (const Error&) {
            return std::nullopt; // of another version of the program
        }
    }
    const QString text = data->text().trimmed();
    if (auto format = quant::parseNotation(text.toStdString(), base))
        return format;
    const qsizetype blank = text.lastIndexOf(' '); // s1.4 FLOOR_WRAP
    auto format = quant::parseNotation(text.first(std::max<qsizetype>(0, blank)).toStdString(), base);
    if (!format || !quant::parseMethod(text.mid(blank + 1).toStdString(), *format))
        return std::nullopt;
    return format;
}

} // namespace fxp::views
