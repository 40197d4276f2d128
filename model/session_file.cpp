#include "model/session_file.h"

#include "quant/core/error.h"
#include "quant/io/format_json.h"
#include "quant/io/qconfig.h"

#include <QDir>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>
#include <array>

namespace fxp::model {

namespace {

constexpr auto kFormat = "fxp-workbench/session";
constexpr int kVersion = 1;
constexpr auto kSeeSchema = "see the session schema";

/// Calls `does` with each file of the request.
template <class Does> void forEachFile(OpenRequest& request, const Does& does) {
    does(request.model);
    for (QString& file : request.samples)
        does(file);
    for (QString* file : {&request.labels, &request.qconfig, &request.weights}) {
        if (!file->isEmpty())
            does(*file);
    }
}

/// Relative where the file lies beside the session or below, so that the folder can be moved as a whole.
QString shortened(const QString& path, const QString& folder) {
    const QString relative = QDir(folder).relativeFilePath(path);
    return relative == ".." || relative.startsWith("../") || QDir::isAbsolutePath(relative) ? path : relative;
}

QString resolved(const QString& path, const QString& folder) {
    return QDir::cleanPath(QDir(folder).absoluteFilePath(path));
}

quant::Json jsonOf(const QJsonDocument& document) {
    return quant::parseJson(document.toJson(QJsonDocument::Compact).toStdString(), "");
}

QJsonDocument documentOf(const quant::Json& json) {
    return QJsonDocument::fromJson(QByteArray::fromStdString(json.dump()));
}

/// The object's member of that type; absent where there is none.
const quant::Json* optionalMember(const quant::Json& json, const std::string& key, const std::string& where,
                                  bool (quant::Json::*is)() const noexcept, const char* what) {
    const auto found = json.find(key);
    if (found == json.end())
        return nullptr;
    if (!((*found).*is)())
        throw Error(quant::pointer(where, key), std::string("is not ") + what, kSeeSchema);
    return &*found;
}

const quant::Json* optionalObject(const quant::Json& json, const std::string& key, const std::string& where = "") {
    return optionalMember(json, key, where, &quant::Json::is_object, "an object");
}

QString textOf(const quant::Json& json, const std::string& where) {
    if (!json.is_string())
        throw Error(where, "is not a text", kSeeSchema);
    return QString::fromStdString(json.get_ref<const std::string&>());
}

QByteArray bytesOf(const quant::Json& json, const std::string& where) {
    const auto decoded =
        QByteArray::fromBase64Encoding(textOf(json, where).toLatin1(), QByteArray::AbortOnBase64DecodingErrors);
    if (!decoded)
        throw Error(where, "is not base64", kSeeSchema);
    return *decoded;
}

void readOpen(const quant::Json& json, const QString& folder, SessionFile& session) {
    if (!json.is_object())
        throw Error("/open", "is not an object", kSeeSchema);
    static constexpr std::array<std::string_view, 8> kKeys{"model",  "samples", "inputs",  "seed",
                                                           "labels", "qconfig", "weights", "held_out"};
    quant::refuseOtherKeys(json, kKeys, "/open");
    try {
        session.request = openRequestFrom(documentOf(json).object());
    } catch (const Error& error) {
        throw Error("/open/" + error.where, error.problem, error.hint);
    }
    forEachFile(session.request, [&](QString& file) { file = resolved(file, folder); });
}

void readHashes(const quant::Json& json, const QString& folder, SessionFile& session) {
    for (const auto& [name, value] : json.items()) {
        const std::string where = quant::pointer("/sha256", name);
        const QString hash = textOf(value, where);
        static const QString kDigits = "0123456789abcdef";
        const bool isHash = hash.size() == 64 &&
                            std::all_of(hash.begin(), hash.end(), [](QChar digit) { return kDigits.contains(digit); });
        if (!isHash)
            throw Error(where, "is not a SHA-256 in 64 hexadecimal digits", kSeeSchema);
        session.sha256[resolved(QString::fromStdString(name), folder)] = hash;
    }
}

void readWindow(const quant::Json& json, SessionFile& session) {
    static constexpr std::array<std::string_view, 2> kKeys{"geometry", "panes"};
    quant::refuseOtherKeys(json, kKeys, "/window");
    if (const auto geometry = json.find("geometry"); geometry != json.end())
        session.geometry = bytesOf(*geometry, "/window/geometry");
    if (const quant::Json* panes = optionalObject(json, "panes", "/window")) {
        for (const auto& [name, state] : panes->items())
            session.panes[QString::fromStdString(name)] = bytesOf(state, quant::pointer("/window/panes", name));
    }
}

void readSelection(const quant::Json& json, SessionFile& session) {
    static constexpr std::array<std::string_view, 2> kKeys{"tensors", "current"};
    quant::refuseOtherKeys(json, kKeys, "/selection");
    if (const auto* tensors = optionalMember(json, "tensors", "/selection", &quant::Json::is_array, "a list")) {
        for (const quant::Json& path : *tensors)
            session.selection << textOf(path, "/selection/tensors");
    }
    if (const auto current = json.find("current"); current != json.end())
        session.current = textOf(*current, "/selection/current");
}

void readRuns(const quant::Json& json, SessionFile& session) {
    for (std::size_t i = 0; i < json.size(); ++i) {
        const std::string where = "/runs/" + std::to_string(i);
        if (!json[i].is_object())
            throw Error(where, "is not an object", kSeeSchema);
        textOf(quant::member(json[i], "name", where), where + "/name");
        editStateFrom({{"formats", quant::member(json[i], "formats", where)}}, where);
        session.runs.append(documentOf(json[i]).object());
    }
}

} // namespace

QByteArray toBytes(const SessionFile& session, const QString& folder) {
    OpenRequest request = session.request;
    forEachFile(request, [&](QString& file) { file = shortened(file, folder); });
    quant::Json json{{"format", kFormat}, {"version", kVersion}, {"open", jsonOf(QJsonDocument(toJson(request)))}};
    json["sha256"] = quant::Json::object();
    for (const auto& [path, hash] : session.sha256)
        json["sha256"][shortened(path, folder).toStdString()] = hash.toStdString();
    if (session.edits) {
        EditState edits = *session.edits;
        edits.weights.clear();
        edits.tuned = false;
        json["edits"] = toJson(edits);
    }
    json["window"] = {{"geometry", session.geometry.toBase64().toStdString()}, {"panes", quant::Json::object()}};
    for (const auto& [name, state] : session.panes)
        json["window"]["panes"][name.toStdString()] = state.toBase64().toStdString();
    json["selection"] = {{"tensors", quant::Json::array()}, {"current", session.current.toStdString()}};
    for (const QString& path : session.selection)
        json["selection"]["tensors"].push_back(path.toStdString());
    json["runs"] = jsonOf(QJsonDocument(session.runs));
    return QByteArray::fromStdString(json.dump(2)) + '\n';
}

SessionFile sessionFileFrom(const QByteArray& bytes, const QString& folder) {
    static constexpr std::array<std::string_view, 8> kKeys{"format", "version", "open",      "sha256",
                                                           "edits",  "window",  "selection", "runs"};
    const quant::Json json =
        quant::parseJson(std::string_view(bytes.data(), static_cast<std::size_t>(bytes.size())), "");
    if (!json.is_object() || json.value("format", quant::Json()) != kFormat)
        throw Error("/format", "the file is no session of this program",
                    std::string("give a file with \"format\": \"") + kFormat + "\"");
    const quant::Json version = json.value("version", quant::Json());
    if (quant::wholeNumber(version) != kVersion)
        throw Error("/version", "is " + version.dump().substr(0, 40) + ", and 1 is known", "use a newer program");
    quant::refuseOtherKeys(json, kKeys, "");
    SessionFile session;
    readOpen(quant::member(json, "open", ""), folder, session);
    if (const quant::Json* hashes = optionalObject(json, "sha256"))
        readHashes(*hashes, folder, session);
    if (const quant::Json* edits = optionalObject(json, "edits")) {
        static constexpr std::array<std::string_view, 2> kEdits{"folded", "formats"};
        quant::refuseOtherKeys(*edits, kEdits, "/edits");
        session.edits = editStateFrom(*edits, "/edits");
    }
    if (const quant::Json* window = optionalObject(json, "window"))
        readWindow(*window, session);
    if (const quant::Json* selection = optionalObject(json, "selection"))
        readSelection(*selection, session);
    if (const auto* runs = optionalMember(json, "runs", "", &quant::Json::is_array, "a list"))
        readRuns(*runs, session);
    return session;
}

QStringList filesOf(const OpenRequest& request) {
    QStringList files;
    OpenRequest copy = request;
    forEachFile(copy, [&](const QString& file) { files << file; });
    files.removeDuplicates();
    return files;
}

std::map<QString, QString> hashesOf(const OpenRequest& request) {
    std::map<QString, QString> hashes;
    for (const QString& file : filesOf(request)) {
        if (!QFileInfo(file).isDir())
            hashes[file] = QString::fromStdString(quant::sha256OfFile(file.toStdString()));
    }
    return hashes;
}

std::vector<ChangedFile> changedFiles(const SessionFile& session) {
    std::vector<ChangedFile> changed;
    for (const QString& file : filesOf(session.request)) {
        const auto known = session.sha256.find(file);
        if (!QFileInfo::exists(file))
            changed.push_back({file, true});
        else if (known != session.sha256.end() &&
                 known->second.toStdString() != quant::sha256OfFile(file.toStdString()))
            changed.push_back({file, false});
    }
    return changed;
}

SessionFile withFile(SessionFile session, const QString& file, const QString& instead) {
    forEachFile(session.request, [&](QString& each) {
        if (each == file)
            each = instead;
    });
    if (const auto known = session.sha256.find(file); known != session.sha256.end()) {
        session.sha256[instead] = known->second;
        if (instead != file)
            session.sha256.erase(file);
    }
    return session;
}

} // namespace fxp::model
