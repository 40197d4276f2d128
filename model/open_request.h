#pragma once

#include <QJsonObject>
#include <QString>
#include <QStringList>

#include <cstdint>
#include <map>
#include <vector>

namespace fxp::model {

/// Where one input of the model gets its values from.
struct InputSource {
    enum class Kind {
        File,   ///< an array of the samples
        Value,  ///< one number everywhere
        Random, ///< normal values
    };
    Kind kind = Kind::File;
    QString array;                   ///< File: the array's name; empty: the one that fits
    double value = 0;                ///< Value: the number
    std::vector<std::int64_t> shape; ///< Value and Random: the sizes, samples first; empty: a scalar, or the file's

    bool operator==(const InputSource&) const = default;
};

/// What is opened together: what the Open dialog asks for, and what recent files, sessions and the crash journal keep.
/// Files are absolute paths, an empty one is left out.
struct OpenRequest {
    QString model;
    QStringList samples;                   ///< empty: random ones
    std::map<QString, InputSource> inputs; ///< by the input's name; what is not named is matched
    std::uint64_t seed = 0;                ///< of random values
    QString labels;
    QString qconfig;
    QString weights;    ///< a .safetensors file that replaces parameters by name
    double heldOut = 0; ///< share of the samples, the last ones, that only judge; 0: all are used for choosing

    bool operator==(const OpenRequest&) const = default;
};

QJsonObject toJson(const OpenRequest& request);
/// Throws Error naming the member that is not what it should be.
OpenRequest openRequestFrom(const QJsonObject& json);

} // namespace fxp::model
