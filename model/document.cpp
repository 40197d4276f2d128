#include "model/document.h"

#include "model/fold_command.h"
#include "model/format_command.h"
#include "model/weights_command.h"
#include "model/worker.h"
#include "quant/calibrate/starting_formats.h"
#include "quant/io/atomic_file.h"
#include "quant/io/read_file.h"

#include <QFileInfo>

namespace fxp::model {

Document::Document(QObject* parent) : QObject(parent), m_worker(new Worker) {
    qRegisterMetaType<OpenedModelPointer>();
    qRegisterMetaType<quant::RunSnapshot>();
    qRegisterMetaType<quant::Formats>();
    qRegisterMetaType<WeightsEdit>();
    qRegisterMetaType<quant::EpochReport>();
    qRegisterMetaType<std::vector<quant::LogDifference>>();
    qRegisterMetaType<std::vector<double>>();
    m_worker->moveToThread(&m_thread);
    connect(&m_thread, &QThread::finished, m_worker, &QObject::deleteLater);
    connect(m_worker, &Worker::opened, this, &Document::takeModel);
    connect(m_worker, &Worker::published, this, &Document::takeResult);
    connect(m_worker, &Worker::runEnded, this, &Document::end);
    connect(m_worker, &Worker::cancelled, this, &Document::end);
    connect(m_worker, &Worker::progressed, this, &Document::progressed);
    connect(m_worker, &Worker::tableReady, this, &Document::tableReady);
    connect(m_worker, &Worker::calibrated, this, [this](const quant::Formats& formats) {
        FormatEdit edit;
        for (std::size_t i = 0; i < formats.size() && formats.size() == m_formats.size(); ++i) {
            if (formats[i] != m_formats[i])
                edit.emplace(static_cast<int>(i), formats[i]);
        }
        end();
        setFormats(edit, tr("Calibrate"));
    });
    connect(m_worker, &Worker::folded, this, &Document::takeFold);
    connect(m_worker, &Worker::weightsReady, this, &Document::takeWeights);
    connect(m_worker, &Worker::idle, this, &Document::end);
    connect(m_worker, &Worker::logCompared, this, [this](const QString& file, const auto& differences) {
        end();
        Q_EMIT logCompared(file, differences);
    });
    connect(m_worker, &Worker::epochDone, this, [this](const quant::EpochReport& epoch) {
        Q_EMIT busyChanged(true, tr("Training: epoch %1, loss %2, accuracy %3 %")
                                     .arg(epoch.epoch)
                                     .arg(epoch.loss, 0, 'f', 3)
                                     .arg(100 * epoch.accuracy, 0, 'f', 1));
    });
    connect(m_worker, &Worker::failed, this, [this](const QString& where, const QString& problem, const QString& hint) {
        end();
        Q_EMIT failed(where, problem, hint);
    });
    connect(&m_undo, &QUndoStack::cleanChanged, this, [this](bool clean) { Q_EMIT modifiedChanged(!clean); });
    m_thread.setObjectName("engine");
    m_thread.start();
}

Document::~Document() {
    m_undo.disconnect(this);
    m_worker->cancel();
    m_thread.quit();
    m_thread.wait();
}

const std::vector<quant::SlotInfo>& Document::slotInfos() const {
    static const std::vector<quant::SlotInfo> kNone;
    return m_model ? m_model->slots : kNone;
}

int Document::slotOf(const QString& path) const {
    const std::string wanted = path.toStdString();
    for (int i = 0; i < slotCount(); ++i) {
        if (slotInfos()[static_cast<std::size_t>(i)].path == wanted)
            return i;
    }
    return -1;
}

std::shared_ptr<const quant::SlotResult> Document::slotResult(int slot) const {
    const auto index = static_cast<std::size_t>(slot);
    return m_result && slot >= 0 && index < m_result->slots.size() ? m_result->slots[index] : nullptr;
}

bool Document::isStale(int slot) const {
    const auto result = slotResult(slot);
    return !result || m_result->stale[static_cast<std::size_t>(slot)] || result->format != format(slot);
}

int Document::newGesture() {
    static int next = 0;
    return ++next;
}

void Document::setFormats(const FormatEdit& edit, const QString& text, int gesture) {
    FormatEdit changes;
    for (const auto& [slot, format] : edit) {
        const quant::SlotInfo& info = slotInfos().at(static_cast<std::size_t>(slot));
        quant::validate(format, info.path);
        if (!info.absent && format != this->format(slot))
            changes.emplace(slot, format);
    }
    if (!changes.empty())
        m_undo.push(new FormatCommand(*this, std::move(changes), text, gesture));
}

void Document::applyFormats(const FormatEdit& edit) {
    for (const auto& [slot, format] : edit)
        m_formats[static_cast<std::size_t>(slot)] = format;
    if (m_result) {
        // Figures shown beside a new format are those of the old one until the run says otherwise.
        auto marked = std::make_shared<quant::RunResult>(*m_result);
        for (const auto& [slot, format] : edit)
            marked->stale[static_cast<std::size_t>(slot)] = 1;
        marked->outputsStale = true;
        m_result = marked;
    }
    Q_EMIT formatsChanged();
    runIfLive();
}

void Document::begin(const QString& what) {
    ++m_busy;
    Q_EMIT busyChanged(true, what);
}

void Document::end() {
    m_busy = 0;
    Q_EMIT busyChanged(false, {});
}

void Document::openModel(const QString& file, const QStringList& inputs, const QString& labels) {
    begin(tr("Opening %1").arg(QFileInfo(file).fileName()));
    m_inputs = inputs;
    m_worker->cancel();
    QMetaObject::invokeMethod(
        m_worker,
        [worker = m_worker, file, inputs, labels, options = m_options] {
            worker->open({file, inputs, labels, options});
        },
        Qt::QueuedConnection);
}

void Document::openSamples(const QStringList& files, const QString& labels) {
    if (!isOpen())
        throw Error("", tr("there is no model to give samples to").toStdString(), tr("open one first").toStdString());
    begin(tr("Reading samples"));
    m_inputs = files;
    m_worker->cancel();
    QMetaObject::invokeMethod(
        m_worker,
        [worker = m_worker, files, labels] {
            worker->open({{}, files, labels, {}});
        },
        Qt::QueuedConnection);
}

void Document::openLabels(const QString& file) {
    if (!isOpen() || m_model->randomSamples)
        throw Error(file.toStdString(), tr("there are no samples to label").toStdString(),
                    tr("open some first").toStdString());
    openSamples(m_inputs, file);
}

void Document::takeModel(const OpenedModelPointer& model) {
    const bool sameModel = m_model && m_model->identity == model->identity && m_model->layers == model->layers &&
                           m_model->file == model->file;
    m_model = model;
    m_result.reset();
    if (!sameModel) {
        m_formats.assign(model->slots.size(), {});
        m_undo.clear();
        m_qconfigFile.clear();
    }
    end();
    if (sameModel)
        Q_EMIT samplesChanged();
    else
        Q_EMIT modelChanged();
    if (model->randomSamples)
        Q_EMIT notice(
            tr("No samples were given: the figures are of random ones. Open real samples to see real figures."));
    m_firstEdit = 0;
    run();
}

void Document::takeResult(const quant::RunSnapshot& result) {
    if (result->edit < m_firstEdit || !m_model || result->slots.size() != m_model->slots.size())
        return;
    m_result = result;
    Q_EMIT resultChanged();
}

void Document::setLive(bool live) {
    if (live == m_live)
        return;
    m_live = live;
    Q_EMIT liveChanged(live);
    runIfLive();
}

void Document::runIfLive() {
    if (m_live)
        run();
}

void Document::run() {
    if (!isOpen())
        return;
    begin(tr("Running"));
    const std::uint64_t edit = m_worker->want(m_formats);
    if (m_firstEdit == 0)
        m_firstEdit = edit;
    QMetaObject::invokeMethod(m_worker, &Worker::runWanted, Qt::QueuedConnection);
}

void Document::cancel() {
    m_worker->cancel();
}

void Document::calibrate(const quant::BitBudget& bits, const quant::CalibrationOptions& options,
                         const std::vector<int>& slotList) {
    if (!isOpen())
        return;
    quant::Formats given = m_formats;
    const quant::Formats starting = quant::startingFormats(slotInfos(), bits);
    if (slotList.empty())
        given = starting;
    for (const int slot : slotList)
        given[static_cast<std::size_t>(slot)] = starting[static_cast<std::size_t>(slot)];
    startCalibration(given, options);
}

void Document::refit(const std::vector<int>& slotList, quant::Method method) {
    constexpr int kDefaultBits = 8;
    quant::Formats given = m_formats;
    for (const int slot : slotList) {
        quant::QType& format = given[static_cast<std::size_t>(slot)];
        format.totalBits = format.totalBits.value_or(kDefaultBits);
        format.fractionalBits.reset();
    }
    quant::CalibrationOptions options;
    options.parameters = options.activations = method;
    startCalibration(given, options);
}

void Document::startCalibration(const quant::Formats& given, const quant::CalibrationOptions& options) {
    begin(tr("Calibrating"));
    m_worker->cancel();
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, given, options] { worker->calibrate(given, options); }, Qt::QueuedConnection);
}

void Document::requestTable(int slot, const std::vector<int>& totals, const std::vector<int>& integers) {
    if (!isOpen())
        return;
    QMetaObject::invokeMethod(
        m_worker,
        [worker = m_worker, slot, totals, integers, method = format(slot)] {
            worker->table(slot, totals, integers, method);
        },
        Qt::QueuedConnection);
}

QByteArray Document::qconfig() const {
    return QByteArray::fromStdString(
        quant::writeQConfig(m_model->identity, m_model->layers, m_model->slots, m_formats));
}

void Document::applyQConfig(const QByteArray& text, bool anyModel, const QString& undoText) {
    const std::set<std::string> folded = quant::foldedBatchNorms(text.toStdString());
    if (folded != m_model->identity.folded) {
        fold(folded, text, undoText);
        return;
    }
    const quant::QConfigFile config = quant::readQConfig(text.toStdString(), m_model->layers, m_model->slots);
    if (config.isForOther(m_model->identity) && !anyModel)
        throw OtherModel("/model/sha256", "the formats were made for another model (" + config.model.name + ")",
                         "open that model, or take them all the same");
    FormatEdit edit;
    for (std::size_t i = 0; i < config.formats.size(); ++i)
        edit.emplace(static_cast<int>(i), config.formats[i]);
    setFormats(edit, undoText);
    if (!config.note.empty())
        Q_EMIT notice(QString::fromStdString(config.note));
}

void Document::loadQConfig(const QString& file, bool anyModel) {
    const quant::FileBytes bytes = quant::readFile(file.toStdString());
    applyQConfig(QByteArray(bytes.text().data(), qsizetype(bytes.text().size())), anyModel, tr("Open QConfig"));
    m_qconfigFile = file;
    m_undo.setClean();
}

void Document::saveQConfig(const QString& file) {
    quant::writeFileAtomically(file.toStdString(), qconfig().toStdString());
    m_qconfigFile = file;
    m_undo.setClean();
}

void Document::saveForFxPyTorch(const QString& file) const {
    quant::writeFileAtomically(file.toStdString(),
                               quant::writeForFxPyTorch(m_model->identity, m_model->layers, m_model->slots, m_formats));
}

void Document::loadWeights(const QString& file) {
    begin(tr("Reading weights"));
    m_worker->cancel();
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, file] { worker->loadWeights(file); }, Qt::QueuedConnection);
}

void Document::saveWeights(const QString& file) {
    begin(tr("Saving weights"));
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, file] { worker->saveWeights(file); }, Qt::QueuedConnection);
}

void Document::compareLog(const QString& file) {
    begin(tr("Comparing"));
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, file] { worker->compareLog(file); }, Qt::QueuedConnection);
}

void Document::finetune(const quant::FinetuneOptions& options) {
    begin(tr("Training"));
    m_worker->cancel();
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, formats = m_formats, options] { worker->finetune(formats, options); },
        Qt::QueuedConnection);
}

void Document::setBatchNormsFolded(bool folded) {
    if (!isOpen())
        return;
    const auto& norms = m_model->foldable;
    fold(folded ? std::set<std::string>(norms.begin(), norms.end()) : std::set<std::string>(), {},
         folded ? tr("Fold batch norms") : tr("Unfold batch norms"));
}

void Document::fold(const std::set<std::string>& norms, const QByteArray& config, const QString& text) {
    begin(tr("Folding batch norms"));
    m_foldConfig = config;
    m_foldText = text;
    m_worker->cancel();
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, norms] { worker->fold(norms); }, Qt::QueuedConnection);
}

void Document::takeFold(const OpenedModelPointer& model) {
    end();
    quant::Formats formats(model->slots.size());
    try {
        if (m_foldConfig.isEmpty()) {
            for (std::size_t i = 0; i < formats.size(); ++i) {
                const int slot = slotOf(QString::fromStdString(model->slots[i].path));
                formats[i] = slot >= 0 ? format(slot) : quant::QType{};
            }
        } else {
            formats = quant::readQConfig(m_foldConfig.toStdString(), model->layers, model->slots).formats;
        }
    } catch (const Error& error) {
        const std::set<std::string> before = m_model->identity.folded;
        QMetaObject::invokeMethod(
            m_worker, [worker = m_worker, before] { worker->refold(before); }, Qt::QueuedConnection);
        Q_EMIT failed(QString::fromStdString(error.where), QString::fromStdString(error.problem),
                      QString::fromStdString(error.hint));
        return;
    }
    m_undo.push(new FoldCommand(*this, {m_model, m_formats}, {model, formats}, m_foldText));
}

void Document::applyFold(const OpenedModelPointer& model, const quant::Formats& formats) {
    m_worker->cancel();
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, norms = model->identity.folded] { worker->refold(norms); }, Qt::QueuedConnection);
    m_model = model;
    m_formats = formats;
    m_result.reset();
    m_firstEdit = 0;
    Q_EMIT modelChanged();
    Q_EMIT formatsChanged();
    run();
}

void Document::takeWeights(const WeightsEdit& edit, const QString& text) {
    end();
    if (isOpen())
        m_undo.push(new WeightsCommand(*this, edit, text));
}

void Document::applyWeights(const ArraysPointer& values) {
    begin(tr("Taking weights"));
    m_worker->cancel();
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, values] { worker->setWeights(values); }, Qt::QueuedConnection);
    Q_EMIT weightsChanged();
}

} // namespace fxp::model
