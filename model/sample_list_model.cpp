#include "model/sample_list_model.h"

#include <QPainter>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fxp::model {

namespace {

constexpr int kThumbnail = 64;

/// One channel, or three, as a picture. The colours span the range of the values; a single channel is dark where its
/// value is high.
QImage picture(const float* values, std::int64_t channels, std::int64_t height, std::int64_t width) {
    const std::int64_t plane = height * width;
    const std::int64_t shown = channels >= 3 ? 3 : 1;
    const auto range = std::minmax_element(values, values + shown * plane);
    const float low = *range.first, high = *range.second;
    const float scale = high > low ? 255.0f / (high - low) : 0.0f;
    QImage image(static_cast<int>(width), static_cast<int>(height), QImage::Format_RGB32);
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            const auto at = [&](std::int64_t channel) {
                return static_cast<int>((values[channel * plane + y * width + x] - low) * scale);
            };
            const QRgb pixel = shown == 3 ? qRgb(at(0), at(1), at(2)) : qRgb(255 - at(0), 255 - at(0), 255 - at(0));
            image.setPixel(static_cast<int>(x), static_cast<int>(y), pixel);
        }
    }
    return image;
}

QImage waveform(const float* values, std::int64_t count) {
    QImage image(kThumbnail, kThumbnail, QImage::Format_RGB32);
    image.fill(Qt::white);
    QPainter painter(&image);
    painter.setPen(Qt::darkGray);
    float extent = 1e-20f;
    for (std::int64_t i = 0; i < count; ++i)
        extent = std::max(extent, std::abs(values[i]));
    for (int column = 0; column < kThumbnail; ++column) {
        const std::int64_t begin = column * count / kThumbnail,
                           end = std::max(begin + 1, (column + 1) * count / kThumbnail);
        const auto [low, high] = std::minmax_element(values + begin, values + end);
        const auto toY = [&](float v) { return static_cast<int>((1 - v / extent) * (kThumbnail - 1) / 2); };
        painter.drawLine(column, toY(*low), column, toY(*high));
    }
    return image;
}

} // namespace

SampleListModel::SampleListModel(Document& document, QObject* parent)
    : QAbstractListModel(parent), m_document(document) {
    connect(&document, &Document::modelChanged, this, &SampleListModel::reset);
    connect(&document, &Document::samplesChanged, this, &SampleListModel::reset);
    connect(&document, &Document::resultChanged, this, &SampleListModel::reorder);
    connect(&document, &Document::formatsChanged, this, [this] {
        if (rowCount() > 0)
            Q_EMIT dataChanged(index(0), index(rowCount() - 1));
    });
    reset();
}

void SampleListModel::reset() {
    beginResetModel();
    m_order.resize(m_document.isOpen() ? static_cast<std::size_t>(m_document.model()->sampleCount) : 0);
    std::iota(m_order.begin(), m_order.end(), 0);
    m_changed = 0;
    endResetModel();
}

void SampleListModel::reorder() {
    const auto result = m_document.result();
    if (!result || !result->complete || m_order.empty())
        return;
    const quant::Predictions& predictions = result->predictions;
    const auto changed = [&](int sample) {
        const auto i = static_cast<std::size_t>(sample);
        return i < predictions.fromFixed.size() && predictions.fromFixed[i] != predictions.fromFloat[i];
    };
    std::vector<int> order(m_order.size());
    std::iota(order.begin(), order.end(), 0);
    m_changed = static_cast<int>(std::ranges::count_if(order, changed));
    std::stable_partition(order.begin(), order.end(), changed);
    if (order != m_order) {
        Q_EMIT layoutAboutToBeChanged();
        m_order = std::move(order);
        Q_EMIT layoutChanged();
    }
    Q_EMIT dataChanged(index(0), index(rowCount() - 1));
}

bool SampleListModel::isStale() const {
    return !m_document.result() || m_document.result()->outputsStale;
}

int SampleListModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_order.size());
}

QVariant SampleListModel::prediction(const std::vector<std::int32_t>& classes, int sample) const {
    const auto i = static_cast<std::size_t>(sample);
    return i < classes.size() ? QVariant(classes[i]) : QVariant();
}

/// What the cell says, in one line.
QString SampleListModel::textOf(int sample, const quant::Predictions& predictions) const {
    QString text = tr("sample %1").arg(sample);
    for (const auto& [classes, name] : {std::pair{&m_document.model()->samples->labels, tr(", label %1")},
                                        {&predictions.fromFloat, tr(", float %1")},
                                        {&predictions.fromFixed, tr(", fixed %1")}}) {
        if (const QVariant found = prediction(*classes, sample); found.isValid())
            text += name.arg(found.toInt());
    }
    return text;
}

QVariant SampleListModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid())
        return {};
    const int sample = m_order[static_cast<std::size_t>(index.row())];
    static const quant::Predictions kNone;
    const auto result = m_document.result();
    const quant::Predictions& predictions = result ? result->predictions : kNone;
    switch (role) {
    case Qt::DisplayRole: return textOf(sample, predictions);
    case Qt::DecorationRole: return thumbnail(sample);
    case Qt::ToolTipRole: return tr("Sample %1").arg(sample);
    case SampleRole: return sample;
    case LabelRole: return prediction(m_document.model()->samples->labels, sample);
    case FloatRole: return prediction(predictions.fromFloat, sample);
    case FixedRole: return prediction(predictions.fromFixed, sample);
    case StaleRole: return isStale();
    case ChangedRole: return prediction(predictions.fromFloat, sample) != prediction(predictions.fromFixed, sample);
    default: return {};
    }
}

QImage SampleListModel::thumbnail(int sample) const {
    const auto& items = m_document.model()->samples->inputs.items;
    if (items.empty() || items.front().second.type != quant::ElementType::Float32)
        return {};
    const quant::Array& array = items.front().second;
    if (array.shape.empty() || array.shape[0] <= sample)
        return {};
    const std::int64_t size = array.count() / array.shape[0];
    const float* values = array.floats() + sample * size;
    const std::size_t dims = array.shape.size();
    if (dims == 4 && array.shape[2] > 1 && array.shape[3] > 1)
        return picture(values, array.shape[1], array.shape[2], array.shape[3]);
    if (dims == 3 && array.shape[1] > 1)
        return picture(values, 1, array.shape[1], array.shape[2]);
    return size > 0 ? waveform(values, size) : QImage();
}

} // namespace fxp::model
