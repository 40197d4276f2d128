#include "model/files_beside.h"

#include "model/samples_loader.h"
#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/io/qconfig.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>

namespace fxp::model {

namespace {

/// The first of the names that is a file of the folder.
QString firstOf(const QDir& folder, const QStringList& names) {
    for (const QString& name : names) {
        if (QFileInfo(folder.filePath(name)).isFile())
            return folder.absoluteFilePath(name);
    }
    return {};
}

/// Whether the QConfig says that it was made for the model file.
bool isMadeFor(const QString& qconfig, const QString& model) {
    try {
        const quant::FileBytes bytes = quant::readFile(qconfig.toStdString());
        const QString sha256 =
            QJsonDocument::fromJson(
                QByteArray::fromRawData(bytes.text().data(), static_cast<qsizetype>(bytes.text().size())))
                .object()["model"]
                .toObject()["sha256"]
                .toString();
        return !sha256.isEmpty() && sha256.toStdString() == quant::sha256OfFile(model.toStdString());
    } catch (const Error&) {
        return false; // the model's own error is told where it is opened
    }
}

} // namespace

OpenRequest filesBeside(const QString& model) {
    OpenRequest beside;
    const QFileInfo info(model);
    if (!info.isFile())
        return beside;
    const QDir folder = info.absoluteDir();
    const QString stem = info.completeBaseName();
    const QString samples =
        firstOf(folder, {stem + ".inputs.npz", stem + ".npz", "inputs.npz", "samples.npz", "inputs.npy"});
    if (!samples.isEmpty())
        beside.samples << samples;
    beside.labels = firstOf(folder, {stem + ".labels.npy", stem + ".labels.npz", "labels.npy", "labels.npz"});
    beside.qconfig = firstOf(folder, {stem + ".qconfig.json"});
    const QStringList configs = folder.entryList({"*.qconfig.json"}, QDir::Files);
    if (beside.qconfig.isEmpty() && configs.size() == 1 && isMadeFor(folder.filePath(configs.front()), model))
        beside.qconfig = folder.absoluteFilePath(configs.front());
    return beside;
}

OpenRequest withFiles(const OpenRequest& base, const QStringList& files) {
    OpenRequest found;
    for (const QString& each : files) {
        const QFileInfo info(each);
        const QString file = info.absoluteFilePath();
        const QString name = info.fileName();
        if (name.endsWith(".json", Qt::CaseInsensitive))
            found.qconfig = file;
        else if (name.endsWith(".safetensors", Qt::CaseInsensitive))
            found.weights = file;
        else if (!isSamplesFile(each))
            found.model = file;
        else if (!info.isDir() && name.contains("label", Qt::CaseInsensitive))
            found.labels = file;
        else
            found.samples << file;
    }
    OpenRequest request = base;
    if (!found.model.isEmpty() && found.model != base.model) {
        request = {};
        request.model = found.model;
        request.heldOut = kHeldOut;
    }
    if (!found.samples.isEmpty()) {
        request.samples = found.samples;
        std::erase_if(request.inputs, [](const auto& input) { return input.second.kind != InputSource::Kind::Value; });
    }
    for (QString OpenRequest::*member : {&OpenRequest::labels, &OpenRequest::qconfig, &OpenRequest::weights}) {
        if (!(found.*member).isEmpty())
            request.*member = found.*member;
    }
    return request;
}

} // namespace fxp::model
