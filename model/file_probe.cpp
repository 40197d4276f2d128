#include "model/file_probe.h"

#include "model/file_check.h"
#include "model/files_beside.h"
#include "model/samples_loader.h"
#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/core/stop.h"
#include "quant/io/qconfig.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace fxp::model {

namespace {

ValueSpan spanOf(const quant::Array& array, const quant::StopRequest& stop) {
    constexpr std::int64_t kBetweenStops = 1 << 20;
    ValueSpan span;
    const auto include = [&](double value) {
        if (!std::isfinite(value))
            return;
        if (!span)
            span.emplace(value, value);
        span->first = std::min(span->first, value);
        span->second = std::max(span->second, value);
    };
    for (std::int64_t i = 0, count = array.count(); i < count; ++i) {
        if (i % kBetweenStops == 0)
            quant::stopHere(stop);
        if (array.type == quant::ElementType::Float32)
            include(static_cast<double>(array.floats()[i]));
        else if (array.type == quant::ElementType::Int64)
            include(static_cast<double>(array.integers()[i]));
        else
            include(static_cast<double>(std::to_integer<int>(array.bytes[static_cast<std::size_t>(i)]) != 0));
    }
    return span;
}

/// Objects that hold a format: what FxPyTorch and this program write.
int formatsIn(const nlohmann::ordered_json& json) {
    if (json.is_object() && json.contains("total_bits"))
        return json["total_bits"].is_number() ? 1 : 0;
    int count = 0;
    if (json.is_structured()) {
        for (const auto& member : json)
            count += formatsIn(member);
    }
    return count;
}

FormatsFacts readFormats(const QString& file, const QString& model) {
    const std::string where = file.toStdString();
    const auto json =
        nlohmann::ordered_json::parse(quant::readFile(where).text(), nullptr, /* allow_exceptions= */ false);
    if (!json.is_object())
        throw Error(where, "is not a QConfig: it is not JSON, or no object", "give a file that Save QConfig wrote");
    FormatsFacts facts{formatsIn(json), {}};
    const auto made = json.find("model");
    if (made != json.end() && made->is_object() && made->contains("sha256") && (*made)["sha256"].is_string() &&
        (*made)["sha256"] != quant::sha256OfFile(model.toStdString())) {
        const auto name = made->find("name");
        facts.madeFor = name != made->end() && name->is_string() ? QString::fromStdString(name->get<std::string>())
                                                                 : FileProbe::tr("no name");
    }
    return facts;
}

} // namespace

FileProbe::FileProbe(QObject* parent) : QObject(parent), m_jobs([] { return Target{}; }) {}

FileProbe::~FileProbe() {
    m_jobs.disconnect(this);
}

template <class Facts, class Read>
void FileProbe::probe(Probed<Facts>& probed, const QStringList& files, const QString& title, Read read) {
    if (probed.files == files && !files.isEmpty() && !probed.failure)
        return;
    m_jobs.cancel(probed.job);
    probed = {files, nullptr, std::nullopt, 0};
    if (!files.isEmpty()) {
        Job<Facts> job;
        job.title = title;
        job.work = [read](const Target&, const JobControl& control) { return std::optional<Facts>(read(control)); };
        job.done = [this, &probed](const Facts& facts) {
            probed.facts = std::make_shared<const Facts>(facts);
            if constexpr (std::is_same_v<Facts, ModelFacts>)
                Q_EMIT modelRead();
            Q_EMIT changed();
        };
        job.failed = [this, &probed](const Failure& failure) {
            probed.failure = failure;
            Q_EMIT changed();
        };
        probed.job = m_jobs.add(std::move(job));
    }
    Q_EMIT changed();
}

void FileProbe::setModel(const QString& file) {
    probe(m_model, file.isEmpty() ? QStringList() : QStringList(file), tr("Reading the model"),
          [file](const JobControl& control) {
              return ModelFacts{quant::readSignature(file.toStdString(), control.stop, fileCheck()), filesBeside(file)};
          });
}

void FileProbe::setSamples(const QStringList& files) {
    probe(m_samples, files, tr("Reading samples"), [files](const JobControl& control) {
        SamplesFacts facts{readSamples(files, control.stop), {}};
        for (const auto& [name, array] : facts.arrays.items)
            facts.spans.push_back(spanOf(array, control.stop));
        return facts;
    });
}

void FileProbe::setLabels(const QString& file) {
    probe(m_labels, file.isEmpty() ? QStringList() : QStringList(file), tr("Reading labels"),
          [file](const JobControl&) { return LabelsFacts{readLabels(file)}; });
}

void FileProbe::setFormats(const QString& file, const QString& model) {
    probe(m_formats, file.isEmpty() ? QStringList() : QStringList{file, model}, tr("Reading formats"),
          [file, model](const JobControl&) { return readFormats(file, model); });
}

void FileProbe::clear() {
    m_jobs.cancelAll();
    m_model = {};
    m_samples = {};
    m_labels = {};
    m_formats = {};
}

bool FileProbe::isReading() const {
    return m_model.isReading() || m_samples.isReading() || m_labels.isReading() || m_formats.isReading();
}

} // namespace fxp::model
