#include "model/open_request.h"

#include "quant/core/error.h"

#include <QJsonArray>

namespace fxp::model {

namespace {

constexpr std::pair<InputSource::Kind, const char*> kKinds[] = {
    {InputSource::Kind::File, "file"}, {InputSource::Kind::Value, "value"}, {InputSource::Kind::Random, "random"}};

QString nameOf(InputSource::Kind kind) {
    for (const auto& [each, name] : kKinds)
        if (each == kind)
            return name;
    return {};
}

InputSource::Kind kindNamed(const QString& name, const std::string& where) {
    for (const auto& [kind, each] : kKinds)
        if (name == each)
            return kind;
    throw Error(where, "\"" + name.toStdString() + "\" is not a source of an input", "use file, value or random");
}

QJsonObject toJson(const InputSource& source) {
    QJsonObject json{{"source", nameOf(source.kind)}};
    if (!source.array.isEmpty())
        json["array"] = source.array;
    if (source.kind == InputSource::Kind::Value)
        json["value"] = source.value;
    if (!source.shape.empty()) {
        QJsonArray shape;
        for (const std::int64_t size : source.shape)
            shape.append(static_cast<qint64>(size));
        json["shape"] = shape;
    }
    return json;
}

QJsonValue wanted(const QJsonObject& json, const QString& key, QJsonValue::Type type, const char* what) {
    const QJsonValue value = json[key];
    if (!value.isUndefined() && value.type() != type)
        throw Error(key.toStdString(), std::string("is not ") + what, "check the file");
    return value;
}

QString text(const QJsonObject& json, const QString& key) {
    return wanted(json, key, QJsonValue::String, "a text").toString();
}

double number(const QJsonObject& json, const QString& key) {
    return wanted(json, key, QJsonValue::Double, "a number").toDouble();
}

InputSource inputSourceFrom(const QJsonObject& json, const std::string& where) {
    InputSource source{kindNamed(text(json, "source"), where), text(json, "array"), number(json, "value"), {}};
    for (const auto& size : wanted(json, "shape", QJsonValue::Array, "a list").toArray()) {
        if (size.toInteger(-1) < 0)
            throw Error(where + ".shape", "has a size that is not a whole number from 0", "check the file");
        source.shape.push_back(size.toInteger());
    }
    return source;
}

} // namespace

QJsonObject toJson(const OpenRequest& request) {
    QJsonObject json{{"model", request.model}};
    if (!request.samples.isEmpty())
        json["samples"] = QJsonArray::fromStringList(request.samples);
    QJsonObject inputs;
    for (const auto& [name, source] : request.inputs)
        inputs[name] = toJson(source);
    if (!inputs.isEmpty())
        json["inputs"] = inputs;
    if (request.seed != 0)
        json["seed"] = QString::number(request.seed);
    for (const auto& [key, file] :
         {std::pair{"labels", request.labels}, {"qconfig", request.qconfig}, {"weights", request.weights}})
        if (!file.isEmpty())
            json[key] = file;
    if (request.heldOut > 0)
        json["held_out"] = request.heldOut;
    return json;
}

OpenRequest openRequestFrom(const QJsonObject& json) {
    OpenRequest request;
    request.model = text(json, "model");
    if (request.model.isEmpty())
        throw Error("model", "is missing", "check the file");
    for (const auto& file : wanted(json, "samples", QJsonValue::Array, "a list").toArray()) {
        if (!file.isString())
            throw Error("samples", "has an entry that is not a file name", "check the file");
        request.samples << file.toString();
    }
    const QJsonObject inputs = wanted(json, "inputs", QJsonValue::Object, "an object").toObject();
    for (auto it = inputs.begin(); it != inputs.end(); ++it)
        request.inputs[it.key()] = inputSourceFrom(it.value().toObject(), "inputs." + it.key().toStdString());
    bool whole = true;
    if (json.contains("seed"))
        request.seed = text(json, "seed").toULongLong(&whole);
    if (!whole)
        throw Error("seed", "is not a whole number", "check the file");
    request.labels = text(json, "labels");
    request.qconfig = text(json, "qconfig");
    request.weights = text(json, "weights");
    request.heldOut = number(json, "held_out");
    if (!(request.heldOut >= 0 && request.heldOut < 1))
        throw Error("held_out", "is not a share of the samples", "use a number from 0 up to, not including, 1");
    return request;
}

} // namespace fxp::model
