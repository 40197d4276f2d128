#include "quant/io/log_comparison.h"

#include "quant/core/error.h"
#include "quant/io/elements.h"
#include "quant/io/json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace fxp::quant {

namespace {

double numberOf(const Json& json, const std::string& where) {
    if (json.is_number())
        return json.get<double>();
    if (json.is_boolean())
        return json.get<bool>() ? 1 : 0;
    if (json == "Infinity" || json == "inf")
        return std::numeric_limits<double>::infinity();
    if (json == "-Infinity" || json == "-inf")
        return -std::numeric_limits<double>::infinity();
    if (json == "NaN" || json == "nan")
        return std::numeric_limits<double>::quiet_NaN();
    throw Error(where, "has " + json.dump().substr(0, 40) + " for a number", "give an activation log");
}

std::vector<std::int64_t> shapeOf(const Json& json, const std::string& where) {
    std::vector<std::int64_t> shape;
    if (!json.is_array())
        throw Error(where, "is not a list of sizes", "give an activation log");
    for (const Json& item : json)
        shape.push_back(wholeNumber(item).value_or(-1));
    if (!elementCount(shape, std::numeric_limits<std::int64_t>::max()))
        throw Error(where, "is not a list of sizes that a tensor can have", "give an activation log");
    return shape;
}

void flatten(const Json& json, std::size_t dim, const std::vector<std::int64_t>& shape, const std::string& where,
             std::vector<float>& into) {
    if (dim == shape.size()) {
        const double number = numberOf(json, where);
        requireFloat(number, into.size(), where);
        into.push_back(static_cast<float>(number));
        return;
    }
    if (!json.is_array() || static_cast<std::int64_t>(json.size()) != shape[dim])
        throw Error(where, "does not have the shape that it states", "give a complete activation log");
    for (const Json& item : json)
        flatten(item, dim + 1, shape, where, into);
}

double elementOf(const Array& array, std::size_t index) {
    switch (array.type) {
    case ElementType::Float32: return array.floats()[index];
    case ElementType::Int64: return static_cast<double>(array.integers()[index]);
    case ElementType::Bool: return array.bytes[index] == std::byte{0} ? 0 : 1;
    }
    return 0;
}

std::string indexText(std::int64_t flat, const std::vector<std::int64_t>& shape) {
    std::vector<std::string> parts(shape.size());
    for (std::size_t d = shape.size(); d-- > 0;) {
        parts[d] = std::to_string(flat % shape[d]);
        flat /= shape[d];
    }
    std::string text;
    for (const std::string& part : parts)
        text += (text.empty() ? "" : ", ") + part;
    return "[" + text + "]";
}

LogDifference compared(const Session::LoggedTensor& log, const Session::LoggedTensor& run) {
    LogDifference result;
    result.key = run.key;
    if (log.present != run.present) {
        result.kind = LogDifference::Kind::Presence;
        return result;
    }
    if (!run.present)
        return result;
    result.count = run.array.count();
    if (log.array.shape != run.array.shape) {
        result.kind = LogDifference::Kind::Shape;
        return result;
    }
    if (result.count > 0 && (log.array.bytes.empty() || run.array.bytes.empty())) {
        result.kind = LogDifference::Kind::NotStored;
        return result;
    }
    for (std::int64_t i = 0; i < result.count; ++i) {
        const double a = elementOf(log.array, static_cast<std::size_t>(i));
        const double b = elementOf(run.array, static_cast<std::size_t>(i));
        if (a == b || (std::isnan(a) && std::isnan(b)))
            continue;
        if (result.different++ == 0)
            result.firstAt = indexText(i, run.array.shape);
        const double difference = std::abs(a - b);
        if (!(difference <= result.largest)) // true for NaN too, which then stays the largest
            result.largest = std::isnan(result.largest) ? result.largest : difference;
    }
    if (result.different > 0)
        result.kind = LogDifference::Kind::Values;
    return result;
}

} // namespace

std::string_view name(LogDifference::Kind kind) {
    switch (kind) {
    case LogDifference::Kind::Equal: return "equal";
    case LogDifference::Kind::Values: return "values";
    case LogDifference::Kind::Shape: return "shape";
    case LogDifference::Kind::Presence: return "presence";
    case LogDifference::Kind::NotStored: return "not_stored";
    case LogDifference::Kind::OnlyInLog: return "only_in_log";
    case LogDifference::Kind::OnlyInRun: return "only_in_run";
    }
    return {};
}

std::vector<Session::LoggedTensor> readActivationLog(const std::string& text) {
    const Json json = parseJson(text, "");
    if (!json.is_object())
        throw Error("", "the text is not an activation log: a JSON object of tensors",
                    "give a file that was saved as one");
    std::vector<Session::LoggedTensor> tensors;
    for (const auto& [key, entry] : json.items()) {
        const std::string where = pointer("", key);
        if (!entry.is_object() || !entry.contains("value") || !entry.contains("shape"))
            throw Error(where, "has no shape and value", "give an activation log");
        Session::LoggedTensor tensor;
        tensor.key = key;
        if (const Json type = entry.value("layer_type", Json()); type.is_string())
            tensor.layerType = type.get<std::string>();
        const Json& value = entry["value"];
        tensor.present = !value.is_null();
        if (tensor.present) {
            tensor.array.shape = shapeOf(entry["shape"], pointer(where, "shape"));
            const bool isStored = !value.is_string() || tensor.array.shape.empty();
            if (isStored) {
                std::vector<float> values;
                flatten(value, 0, tensor.array.shape, where + "/value", values);
                tensor.array = Array::ofFloats(tensor.array.shape, values);
            }
        }
        tensors.push_back(std::move(tensor));
    }
    return tensors;
}

Json toJson(const std::vector<LogDifference>& differences) {
    Json json = Json::array();
    for (const LogDifference& d : differences)
        json.push_back({{"key", d.key},
                        {"result", name(d.kind)},
                        {"count", d.count},
                        {"different", d.different},
                        {"largest", jsonNumber(d.largest)},
                        {"first_at", d.firstAt}});
    return json;
}

std::vector<LogDifference> compareLogs(const std::vector<Session::LoggedTensor>& log,
                                       const std::vector<Session::LoggedTensor>& run) {
    std::map<std::string, const Session::LoggedTensor*> byKey;
    for (const auto& tensor : log)
        byKey.emplace(tensor.key, &tensor);
    std::vector<LogDifference> result;
    for (const auto& tensor : run) {
        const auto found = byKey.find(tensor.key);
        if (found == byKey.end()) {
            result.push_back({tensor.key, LogDifference::Kind::OnlyInRun, tensor.array.count(), 0, 0, {}});
            continue;
        }
        result.push_back(compared(*found->second, tensor));
        byKey.erase(found);
    }
    for (const auto& tensor : log) {
        if (byKey.contains(tensor.key))
            result.push_back({tensor.key, LogDifference::Kind::OnlyInLog, tensor.array.count(), 0, 0, {}});
    }
    return result;
}

} // namespace fxp::quant
