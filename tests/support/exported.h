#pragma once

#include "quant/calibrate/starting_formats.h"
#include "quant/core/wide_integer.h"
#include "quant/engine/session.h"
#include "quant/io/npz.h"
#include "quant/open_model.h"
#include "support/golden.h"

#include <QFile>
#include <QProcess>
#include <QTest>

#include <memory>
#include <string>
#include <vector>

namespace fxp::test {

inline void write(const QString& file, const std::string& text) {
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly) && out.write(text.data(), qint64(text.size())) == qint64(text.size()));
}
inline QByteArray read(const QString& file) {
    QFile in(file);
    return in.open(QIODevice::ReadOnly) ? in.readAll() : QByteArray("no such file");
}
inline bool runs(const QString& program, const QStringList& arguments, QByteArray& out, const QString& folder) {
    QProcess process;
    process.setWorkingDirectory(folder);
    process.start(program, arguments);
    const bool good = process.waitForFinished(-1) && process.exitCode() == 0;
    out = process.readAllStandardOutput();
    if (!good)
        qWarning("%s", (out + process.readAllStandardError()).constData());
    return good;
}
/// A .mem file's integers, by the rule of two's complement alone.
inline std::vector<std::int64_t> integersOf(const QString& file, int total) {
    std::vector<std::int64_t> integers;
    for (const QByteArray& line : read(file).split('\n')) {
        if (line.isEmpty())
            continue;
        const quant::Int128 bits = line.toULongLong(nullptr, 16);
        integers.push_back(static_cast<std::int64_t>(
            bits >= quant::Int128{1} << (total - 1) ? bits - (quant::Int128{1} << total) : bits));
    }
    return integers;
}

/// The model's inputs of the first sixteen samples: enough to choose some of.
inline quant::Samples fewSamples(const std::string& folder) {
    quant::Samples samples{quant::readNpz(folder + "/inputs.npz"), {}};
    for (auto& [name, array] : samples.inputs.items) {
        if (array.shape.empty() || array.shape[0] <= 16)
            continue;
        const std::size_t each = array.bytes.size() / static_cast<std::size_t>(array.shape[0]);
        array.shape[0] = 16;
        array.bytes.resize(16 * each);
    }
    return samples;
}
inline std::unique_ptr<quant::Session> open(const std::string& model, const std::string& file = "traced.pt",
                                            const quant::SessionOptions& options = {}) {
    const std::string folder = modelFolder() + "/" + model;
    auto session = quant::openModel(folder + "/" + file, options);
    session->setSamples(fewSamples(folder));
    return session;
}
/// Calibrated, with other bits for each tensor: no word is a whole number of digits or bytes only.
inline quant::Formats someFormats(quant::Session& session) {
    quant::Formats given = quant::startingFormats(session.slots(), {});
    static constexpr int kBits[] = {5, 7, 8, 9, 11, 13, 17, 22};
    for (std::size_t i = 0; i < given.size(); ++i) {
        if (given[i].totalBits)
            given[i].totalBits = kBits[i % std::size(kBits)];
    }
    return *session.calibrate(given, {});
}

} // namespace fxp::test
