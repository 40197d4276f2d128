#include "model/samples_loader.h"

#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/core/stop.h"
#include "quant/io/npz.h"

#include <QDir>
#include <QFileInfo>
#include <QImage>
#include <QImageReader>

#include <limits>

namespace fxp::model {

namespace {

QStringList imageNames() {
    QStringList names;
    for (const QByteArray& format : QImageReader::supportedImageFormats())
        names << "*." + QString::fromLatin1(format);
    return names;
}

quant::NamedArrays readImages(const QStringList& files, const std::function<bool()>& stop) {
    std::vector<QImage> images;
    bool grey = true;
    for (const QString& file : files) {
        if (stop && stop())
            throw quant::Stopped();
        quant::RegularFile(file.toStdString()); // a pipe or a device has no end
        QImageReader reader(file);
        reader.setAutoTransform(true);
        const QImage image = reader.read();
        if (image.isNull())
            throw Error(file.toStdString(), reader.errorString().toStdString(), "give PNG, JPEG, BMP or PPM images");
        if (!images.empty() && image.size() != images.front().size())
            throw Error(file.toStdString(), "the image has another size than the first", "give images of one size");
        grey = grey && image.isGrayscale();
        images.push_back(image);
    }
    const std::int64_t channels = grey ? 1 : 3, height = images.front().height(), width = images.front().width();
    std::vector<float> values;
    values.reserve(images.size() * static_cast<std::size_t>(channels * height * width));
    for (const QImage& image : images) {
        for (int channel = 0; channel < channels; ++channel) {
            for (int y = 0; y < height; ++y) {
                for (int x = 0; x < width; ++x) {
                    const QRgb pixel = image.pixel(x, y);
                    const int value = channel == 0 ? qRed(pixel) : channel == 1 ? qGreen(pixel) : qBlue(pixel);
                    values.push_back(static_cast<float>(value) / 255.0f);
                }
            }
        }
    }
    quant::NamedArrays arrays;
    arrays.items.emplace_back(
        "images", quant::Array::ofFloats({static_cast<std::int64_t>(images.size()), channels, height, width}, values));
    return arrays;
}

void addArrays(quant::NamedArrays& arrays, const QString& file) {
    quant::NamedArrays more;
    if (file.endsWith(".npz", Qt::CaseInsensitive))
        more = quant::readNpz(file.toStdString());
    else if (file.endsWith(".npy", Qt::CaseInsensitive))
        more.items.emplace_back(QFileInfo(file).completeBaseName().toStdString(), quant::readNpy(file.toStdString()));
    else
        throw Error(file.toStdString(), "cannot be put together with arrays", "give .npy and .npz files, or images");
    for (auto& [name, array] : more.items) {
        if (arrays.find(name))
            throw Error(file.toStdString(), "has an array " + name + ", and so has a file before it",
                        "give each name once");
        arrays.items.emplace_back(name, std::move(array));
    }
}

} // namespace

quant::NamedArrays readSamples(const QStringList& files, const std::function<bool()>& stop) {
    if (files.isEmpty())
        throw Error("inputs", "no file is named", "give .npy, .npz or image files");
    const QFileInfo first(files.front());
    const std::string path = first.filePath().toStdString();
    if (!first.exists())
        throw Error(path, "there is no such file", "check the path");
    if (first.isDir()) {
        QStringList images;
        for (const QFileInfo& info : QDir(first.filePath()).entryInfoList(imageNames(), QDir::Files, QDir::Name))
            images << info.filePath();
        if (images.isEmpty())
            throw Error(path, "the folder holds no images", "give a folder of PNG, JPEG, BMP or PPM images");
        return readImages(images, stop);
    }
    const QString ending = first.suffix().toLower();
    if (ending == "npz" || ending == "npy") {
        quant::NamedArrays arrays;
        for (const QString& file : files) {
            if (stop && stop())
                throw quant::Stopped();
            addArrays(arrays, file);
        }
        return arrays;
    }
    if (QImageReader::supportedImageFormats().contains(ending.toLatin1()))
        return readImages(files, stop);
    throw Error(path, "is of a kind that holds no samples", "give .npy, .npz or image files, or a folder of images");
}

std::vector<std::int32_t> readLabels(const QString& file) {
    quant::Array array;
    if (file.endsWith(".npz", Qt::CaseInsensitive))
        array = quant::readNpz(file.toStdString()).items.front().second;
    else
        array = quant::readNpy(file.toStdString());
    if (array.type != quant::ElementType::Int64 || array.shape.size() != 1)
        throw Error(file.toStdString(), "labels must be one integer per sample",
                    "give a one-dimensional integer array");
    for (std::int64_t i = 0; i < array.count(); ++i) {
        const std::int64_t label = array.integers()[i];
        if (label < 0 || label > std::numeric_limits<std::int32_t>::max())
            throw Error(file.toStdString(),
                        "the label of sample " + std::to_string(i) + " is " + std::to_string(label) +
                            ", which is no class",
                        "number the classes from 0");
    }
    return {array.integers(), array.integers() + array.count()};
}

bool isSamplesFile(const QString& file) {
    const QFileInfo info(file);
    const QString ending = info.suffix().toLower();
    return info.isDir() || ending == "npy" || ending == "npz" ||
           QImageReader::supportedImageFormats().contains(ending.toLatin1());
}

} // namespace fxp::model
