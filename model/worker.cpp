#include "model/worker.h"

#include "model/samples_loader.h"
#include "quant/core/error.h"
#include "quant/io/safetensors.h"

#include <QFile>
#include <QFileInfo>

namespace fxp::model {

namespace {

constexpr std::int64_t kRandomSamples = 16;

} // namespace

Worker::Worker() = default;
Worker::~Worker() = default;

void Worker::guarded(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        Q_EMIT failed(QString::fromStdString(error.where), QString::fromStdString(error.problem),
                      QString::fromStdString(error.hint));
    } catch (const std::bad_alloc&) {
        Q_EMIT failed({}, tr("there is not enough memory"), tr("use fewer samples, or a lower memory setting"));
    } catch (const std::exception& error) {
        Q_EMIT failed({}, QString::fromUtf8(error.what()).section('\n', 0, 0), {});
    }
}

void Worker::open(const OpenRequest& request) {
    m_cancel = false;
    guarded([&] {
        std::unique_ptr<quant::Session> fresh;
        QString file = m_file;
        quant::ModelIdentity identity = m_identity;
        if (!request.model.isEmpty()) {
            file = request.model;
            fresh = quant::openModel(file.toStdString(), request.options);
            identity = {QFileInfo(file).completeBaseName().toStdString(), quant::sha256OfFile(file.toStdString())};
        }
        quant::Session* session = fresh ? fresh.get() : m_session.get();
        if (!session)
            throw Error("", "there is no model to give samples to", "open one first");

        quant::Samples samples;
        const bool random = request.inputs.isEmpty();
        if (random)
            samples = session->randomSamples(0, kRandomSamples);
        else
            samples.inputs = readSamples(request.inputs);
        if (!request.labels.isEmpty())
            samples.labels = readLabels(request.labels);
        if (!session->setSamples(std::move(samples), control())) {
            Q_EMIT cancelled();
            return;
        }
        if (fresh) {
            m_session = std::move(fresh);
            m_file = file;
            m_identity = identity;
        }
        announce(random);
    });
}

OpenedModelPointer Worker::state() const {
    auto model = std::make_shared<OpenedModel>();
    model->file = m_file;
    model->identity = m_identity;
    model->identity.folded = m_session->foldedBatchNorms();
    model->foldable = m_session->foldableBatchNorms();
    model->modules = m_session->modules();
    model->arguments = m_session->arguments();
    model->slots = m_session->slots();
    model->layers = m_session->layers();
    model->samples = m_session->samples();
    model->sampleCount = m_session->sampleCount();
    model->randomSamples = m_randomSamples;
    return model;
}

void Worker::announce(bool randomSamples) {
    m_randomSamples = randomSamples;
    Q_EMIT opened(state());
}

void Worker::fold(const std::set<std::string>& norms) {
    guarded([&] {
        if (!m_session)
            throw Error("", "there is no model whose batch norms to fold", "open one first");
        // Not to be stopped half-way: the undo stack follows.
        m_session->setFoldedBatchNorms(norms);
        Q_EMIT folded(state());
    });
}

void Worker::refold(const std::set<std::string>& norms) {
    m_cancel = false;
    guarded([&] { m_session->setFoldedBatchNorms(norms); });
}

std::uint64_t Worker::want(const quant::Formats& formats) {
    const std::scoped_lock lock(m_mutex);
    m_wanted = formats;
    m_cancel = false;
    return ++m_edit;
}

void Worker::cancel() {
    m_cancel = true;
}

void Worker::runWanted() {
    quant::Formats formats;
    std::uint64_t edit = 0;
    {
        const std::scoped_lock lock(m_mutex);
        formats = m_wanted;
        edit = m_edit;
    }
    if (edit == m_done || !m_session || formats.size() != m_session->slots().size())
        return;
    m_done = edit;
    bool complete = false;
    guarded([&] {
        quant::RunControl control;
        control.edit = edit;
        control.stop = [this, edit] { return superseded(edit); };
        control.publish = [this](const quant::RunSnapshot& result) { Q_EMIT published(result); };
        control.progress = [this](double share) { Q_EMIT progressed(share); };
        complete = m_session->run(formats, control) != nullptr;
    });
    if (!complete && m_session->latest())
        Q_EMIT published(m_session->latest());
    Q_EMIT runEnded(complete);
}

void Worker::calibrate(const quant::Formats& given, const quant::CalibrationOptions& options) {
    m_cancel = false;
    guarded([&] {
        if (!m_session)
            throw Error("", "there is no model to calibrate", "open one first");
        if (const auto formats = m_session->calibrate(given, options, control()))
            Q_EMIT calibrated(*formats);
        else
            Q_EMIT cancelled();
    });
}

void Worker::table(int slot, const std::vector<int>& totals, const std::vector<int>& integers,
                   const quant::QType& method) {
    if (!m_session)
        return;
    guarded([&] {
        quant::RunControl control;
        const std::uint64_t edit = m_edit;
        control.stop = [this, edit] { return superseded(edit); };
        auto values = m_session->sqnrTable(static_cast<std::size_t>(slot), totals, integers, method, control);
        if (!values.empty())
            Q_EMIT tableReady(slot, std::move(values));
    });
}

quant::RunControl Worker::control() {
    quant::RunControl control;
    control.stop = [this] { return m_cancel.load(); };
    control.progress = [this](double share) { Q_EMIT progressed(share); };
    return control;
}

ArraysPointer Worker::currentOf(const quant::NamedArrays& values) const {
    auto current = std::make_shared<quant::NamedArrays>();
    for (auto& [name, array] : m_session->parameters().items) {
        if (values.find(name))
            current->items.emplace_back(name, std::move(array));
    }
    return current;
}

void Worker::loadWeights(const QString& file) {
    guarded([&] {
        if (!m_session)
            throw Error(file.toStdString(), "there is no model to give weights to", "open one first");
        auto values = std::make_shared<const quant::NamedArrays>(quant::readSafetensors(file.toStdString()));
        m_session->requireParameters(*values);
        Q_EMIT weightsReady({currentOf(*values), values}, tr("Open weights"));
    });
}

void Worker::saveWeights(const QString& file) {
    guarded([&] {
        if (!m_session)
            throw Error(file.toStdString(), "there is no model whose weights to save", "open one first");
        quant::writeSafetensors(file.toStdString(), m_session->parameters());
        Q_EMIT idle();
    });
}

void Worker::setWeights(const ArraysPointer& values) {
    m_cancel = false;
    guarded([&] {
        if (!m_session)
            return;
        // Not to be stopped half-way: the undo stack says that the weights are taken.
        m_session->setParameters(*values);
        announce(m_randomSamples);
    });
}

void Worker::finetune(const quant::Formats& formats, const quant::FinetuneOptions& options) {
    m_cancel = false;
    guarded([&] {
        if (!m_session)
            throw Error("", "there is no model to train", "open one first");
        const auto report = [this](const quant::EpochReport& epoch) { Q_EMIT epochDone(epoch); };
        auto tuned =
            std::make_shared<const quant::NamedArrays>(m_session->finetune(formats, options, report, control()));
        if (tuned->items.empty()) {
            Q_EMIT cancelled();
            return;
        }
        Q_EMIT weightsReady({currentOf(*tuned), tuned}, tr("Fine-tune"));
    });
}

void Worker::compareLog(const QString& file) {
    guarded([&] {
        if (!m_session || !m_session->latest())
            throw Error(file.toStdString(), "there is no run to compare with", "run the model first");
        QFile in(file);
        if (!in.open(QIODevice::ReadOnly))
            throw Error(file.toStdString(), in.errorString().toStdString(), "check the path");
        const auto log = quant::readActivationLog(in.readAll().toStdString());
        Q_EMIT logCompared(file, quant::compareLogs(log, m_session->log()));
    });
}

} // namespace fxp::model
