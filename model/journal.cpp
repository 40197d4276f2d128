#include "model/journal.h"

#include "quant/core/error.h"
#include "quant/io/format_json.h"

#include <QJsonDocument>

namespace fxp::model {

namespace {

constexpr auto kFormat = "fxp-workbench/journal";
constexpr int kVersion = 1;

quant::Json jsonOf(const JournalLine::Open& open) {
    const QByteArray request = QJsonDocument(toJson(open.request)).toJson(QJsonDocument::Compact);
    return {{"format", kFormat},
            {"version", kVersion},
            {"open", quant::parseJson(request.toStdString(), "")},
            {"model", {{"name", open.modelName}, {"sha256", open.sha256}}}};
}

void apply(const quant::Json& line, Journal& journal) {
    Journal next = journal; // a line counts as a whole or not at all
    if (const auto open = line.find("open"); open != line.end()) {
        next.request = openRequestFrom(QJsonDocument::fromJson(QByteArray::fromStdString(open->dump())).object());
        const quant::Json& model = quant::member(line, "model", "");
        next.modelName = quant::member(model, "name", "/model").get<std::string>();
        next.sha256 = quant::member(model, "sha256", "/model").get<std::string>();
    }
    if (const auto state = line.find("state"); state != line.end())
        next.state = editStateFrom(*state, "/state");
    else
        ++next.changes;
    if (const auto formats = line.find("formats"); formats != line.end()) {
        for (const auto& [path, json] : formats->items()) {
            const quant::QType format = quant::extensionFromJson(json, quant::pointer("/formats", path));
            if (format == quant::QType())
                next.state.formats.erase(path);
            else
                next.state.formats.insert_or_assign(path, format);
        }
    }
    if (const auto weights = line.find("weights"); weights != line.end()) {
        next.state.weights = QString::fromStdString(weights->get<std::string>());
        next.state.tuned = line.value("tuned", false);
    }
    next.isClean = line.value("clean", false);
    journal = std::move(next);
}

quant::Json parsed(const QByteArray& line) {
    const quant::Json json = quant::parseJson(std::string_view(line.data(), static_cast<std::size_t>(line.size())), "");
    if (!json.is_object())
        throw Error("", "is not a line of a journal", {});
    return json;
}

} // namespace

QByteArray toBytes(const JournalLine& line) {
    quant::Json json = line.open ? jsonOf(*line.open) : quant::Json::object();
    if (line.state)
        json["state"] = toJson(*line.state);
    if (!line.formats.empty()) {
        quant::JsonMembers formats;
        for (const auto& [path, format] : line.formats)
            formats.add(path, quant::extensionJson(format));
        json["formats"] = formats.take();
    }
    if (line.weights) {
        json["weights"] = line.weights->file.toStdString();
        json["tuned"] = line.weights->tuned;
    }
    if (line.isClean)
        json["clean"] = true;
    return QByteArray::fromStdString(json.dump()) + '\n';
}

Journal readJournal(const QByteArray& bytes) {
    Journal journal;
    qsizetype from = 0;
    for (qsizetype end = bytes.indexOf('\n'); end >= 0; from = end + 1, end = bytes.indexOf('\n', from)) {
        const bool isFirst = from == 0;
        try {
            const quant::Json line = parsed(bytes.mid(from, end - from));
            if (isFirst && (line.value("format", "") != kFormat || line.value("version", 0) != kVersion))
                throw Error("", "is of another kind or version", {});
            apply(line, journal);
        } catch (const std::exception&) {
            if (isFirst)
                throw Error("line 1", "is not that of a journal of this program", "remove the file");
            break;
        }
    }
    if (from == 0)
        throw Error("line 1", "is not complete", "remove the file");
    return journal;
}

} // namespace fxp::model
