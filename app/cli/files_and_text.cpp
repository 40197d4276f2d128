#include "app/cli/files_and_text.h"

#include "quant/core/error.h"

#include <QSaveFile>

#include <cstdio>
#include <fstream>
#include <iterator>

namespace fxp::cli {

void writeFile(const std::string& file, const std::string& text) {
    QSaveFile out(QString::fromStdString(file));
    if (!out.open(QIODevice::WriteOnly) || out.write(text.data(), static_cast<qint64>(text.size())) < 0 ||
        !out.commit())
        throw Error(file, "cannot be written: " + out.errorString().toStdString(),
                    "check the folder and its permissions");
}

std::string readFile(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        throw Error(file, "cannot be opened", "check the path");
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::string shapeText(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t size : shape)
        text += (text.empty() ? "" : "x") + std::to_string(size);
    return text;
}

std::string percent(const std::optional<double>& share) {
    if (!share)
        return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", 100 * *share);
    return text;
}

} // namespace fxp::cli
