#include "model/sample_preview.h"

#include "model/input_plan.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace fxp::model {

namespace {

constexpr std::int64_t kShownNumbers = 40, kShownCharacters = 400;
constexpr std::int64_t kSmallestSide = 3; ///< of a picture: fewer rows are numbers

QString tr(const char* text) {
    return QCoreApplication::translate("SamplePreview", text);
}

double valueOf(const quant::Array& array, std::int64_t i) {
    switch (array.type) {
    case quant::ElementType::Float32: return static_cast<double>(array.floats()[i]);
    case quant::ElementType::Int64: return static_cast<double>(array.integers()[i]);
    case quant::ElementType::Bool: break;
    }
    return std::to_integer<int>(array.bytes[static_cast<std::size_t>(i)]) != 0;
}

/// Grey is dark where the value is high, as ink; colours are light.
QImage picture(const quant::Array& array, std::int64_t begin, std::int64_t channels, std::int64_t height,
               std::int64_t width, const std::pair<double, double>& range) {
    QImage image(static_cast<int>(width), static_cast<int>(height), QImage::Format_RGB32);
    const double extent = range.second - range.first;
    const auto level = [&](std::int64_t channel, std::int64_t at) {
        const double value = valueOf(array, begin + channel * height * width + at);
        const double share = extent > 0 ? (value - range.first) / extent : 0;
        return std::isfinite(share) ? static_cast<int>(std::clamp(share, 0.0, 1.0) * 255) : 0;
    };
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            const std::int64_t at = y * width + x;
            const int first = level(0, at);
            image.setPixel(static_cast<int>(x), static_cast<int>(y),
                           channels == 3 ? qRgb(first, level(1, at), level(2, at))
                                         : qRgb(255 - first, 255 - first, 255 - first));
        }
    }
    return image;
}

} // namespace

SamplePreview previewOf(const quant::Array& array, std::int64_t index, bool whole) {
    SamplePreview preview;
    std::vector<std::int64_t> shape = array.shape;
    const bool part = !whole && !shape.empty() && shape.front() > index;
    const std::int64_t count = part ? array.count() / shape.front() : array.count();
    const std::int64_t begin = part ? index * count : 0;
    if (part)
        shape.erase(shape.begin());
    double sum = 0;
    std::int64_t finite = 0;
    bool printable = array.type == quant::ElementType::Int64 && count > 1;
    for (std::int64_t i = begin; i < begin + count; ++i) {
        const double value = valueOf(array, i);
        preview.zeros += value == 0;
        preview.nan += std::isnan(value);
        preview.infinite += std::isinf(value);
        printable = printable && ((value >= 32 && value < 127) || value == 9 || value == 10 || value == 13);
        if (!std::isfinite(value))
            continue;
        ++finite;
        sum += value;
        if (!preview.range)
            preview.range.emplace(value, value);
        preview.range->first = std::min(preview.range->first, value);
        preview.range->second = std::max(preview.range->second, value);
    }
    preview.mean = finite > 0 ? sum / static_cast<double>(finite) : 0;
    preview.size = shape.empty() ? QString::number(count) : shapeText(shape);

    const std::size_t dims = shape.size();
    const bool isReal = array.type == quant::ElementType::Float32;
    const bool pictured = (dims == 3 && (shape[0] == 1 || shape[0] == 3)) || dims == 2;
    if (isReal && pictured && preview.range && shape[dims - 1] >= kSmallestSide && shape[dims - 2] >= kSmallestSide) {
        preview.kind = SamplePreview::Kind::Picture;
        const std::int64_t channels = dims == 3 ? shape[0] : 1;
        preview.image = picture(array, begin, channels, shape[dims - 2], shape[dims - 1], *preview.range);
        if (dims == 3)
            preview.size =
                (channels == 1 ? tr("%1 × %2, 1 channel") : tr("%1 × %2, 3 channels")).arg(shape[1]).arg(shape[2]);
    } else if (isReal && count > 1 && *std::ranges::max_element(shape) == count) {
        preview.kind = SamplePreview::Kind::Trace;
        preview.size = QString::number(count);
        preview.trace.reserve(static_cast<std::size_t>(count));
        for (std::int64_t i = begin; i < begin + count; ++i)
            preview.trace.push_back(valueOf(array, i));
    } else if (printable) {
        preview.kind = SamplePreview::Kind::Text;
        for (std::int64_t i = begin; i < begin + std::min(count, kShownCharacters); ++i)
            preview.text += QChar(static_cast<char16_t>(array.integers()[i]));
        if (count > kShownCharacters)
            preview.text += QStringLiteral("…");
    } else {
        QStringList numbers;
        for (std::int64_t i = begin; i < begin + std::min(count, kShownNumbers); ++i)
            numbers << QString::number(valueOf(array, i), 'g', 4).replace('-', QChar(0x2212));
        preview.text = numbers.join(QStringLiteral("  ")) + (count > kShownNumbers ? QStringLiteral("  …") : QString());
    }
    return preview;
}

} // namespace fxp::model
