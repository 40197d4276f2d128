#include "app/gui/open_dialog.h"

#include "app/gui/file_row.h"
#include "app/gui/inputs_table.h"
#include "app/gui/open_notes.h"
#include "app/gui/sample_preview_view.h"
#include "app/gui/split_slider.h"
#include "model/files_beside.h"

#include <QDragEnterEvent>
#include <QFileInfo>
#include <QFrame>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QSignalBlocker>
#include <QStyle>

namespace fxp::gui {

namespace {

QStringList localFiles(const QMimeData* mime) {
    QStringList files;
    for (const QUrl& url : mime->urls()) {
        if (url.isLocalFile())
            files << url.toLocalFile();
    }
    return files;
}

} // namespace

OpenDialog::OpenDialog(model::Document& document, Leave leave, QWidget* parent)
    : QDialog(parent), m_document(document), m_leave(std::move(leave)) {
    setWindowTitle(tr("Open model"));
    setWindowModality(Qt::WindowModal);
    setAcceptDrops(true);
    buildPage();
    connectParts();
    resize(900, 640);
}

OpenDialog::~OpenDialog() {
    m_probe.disconnect(this);
}

void OpenDialog::connectParts() {
    connect(m_model, &FileRow::chosen, this, [this](const QStringList& files) {
        model::OpenRequest request;
        request.model = files.value(0);
        request.heldOut = model::kHeldOut;
        setRequest(request);
    });
    connect(m_samples, &FileRow::chosen, this, [this](const QStringList& files) {
        m_request.samples = files;
        m_beside.samples.clear();
        std::erase_if(m_request.inputs,
                      [](const auto& input) { return input.second.kind == model::InputSource::Kind::File; });
        probe();
    });
    const std::tuple<FileRow*, QString model::OpenRequest::*> single[] = {{m_labels, &model::OpenRequest::labels},
                                                                          {m_formats, &model::OpenRequest::qconfig},
                                                                          {m_weights, &model::OpenRequest::weights}};
    for (const auto& [row, member] : single)
        connect(row, &FileRow::chosen, this, [this, member = member](const QStringList& files) {
            m_request.*member = files.value(0);
            (m_beside.*member).clear();
            probe();
        });
    connect(m_inputs, &InputsTable::edited, this,
            [this](const QString& input, const std::optional<model::InputSource>& source) {
                if (source)
                    m_request.inputs[input] = *source;
                else
                    m_request.inputs.erase(input);
                refresh();
            });
    connect(m_inputs, &InputsTable::seedEdited, this, [this](std::uint64_t seed) { m_request.seed = seed; });
    connect(m_split, &SplitSlider::moved, this, [this](int chosen) {
        const auto count = static_cast<double>(m_plan ? m_plan->sampleCount : 1);
        m_request.heldOut = (count - chosen) / count;
        refresh();
    });
    connect(m_open, &QPushButton::clicked, this, &OpenDialog::accept);
    connect(m_cancel, &QPushButton::clicked, this, &OpenDialog::reject);
    connect(&m_probe, &model::FileProbe::modelRead, this, &OpenDialog::addBeside);
    connect(&m_probe, &model::FileProbe::changed, this, &OpenDialog::refresh);
    connect(&m_document, &model::Document::progressed, this,
            [this](double share) { m_progress->setValue(static_cast<int>(1000 * share)); });
    connect(&m_document, &model::Document::busyChanged, this, [this] {
        if (m_opening)
            showMessage();
    });
}

bool OpenDialog::ask(const model::OpenRequest& request) {
    if (isVisible() && m_opening)
        return false;
    m_probe.clear();
    setRequest(request);
    show();
    raise();
    activateWindow();
    return true;
}

void OpenDialog::showEvent(QShowEvent* event) {
    QDialog::showEvent(event);
    (m_framed ? m_framed : m_request.model.isEmpty() ? m_model->field() : static_cast<QWidget*>(m_open))->setFocus();
}

void OpenDialog::setRequest(const model::OpenRequest& request) {
    m_request = request;
    m_beside = {};
    m_weights->setVisible(!request.weights.isEmpty());
    if (!m_request.model.isEmpty() && m_probe.model().files == QStringList{m_request.model} && m_probe.model().facts)
        addBeside();
    else
        probe();
}

/// What the request does not name is taken from the model's folder.
void OpenDialog::addBeside() {
    const model::OpenRequest& found = m_probe.model().facts->beside;
    const bool sources = !m_request.inputs.empty();
    const bool runs = !m_probe.model().facts->signature.weightsOnly;
    if (runs && m_request.samples.isEmpty() && !sources && !found.samples.isEmpty())
        m_request.samples = m_beside.samples = found.samples;
    const bool taken = runs && (!m_beside.samples.isEmpty() || m_request.samples == found.samples);
    if (m_request.labels.isEmpty() && taken && !found.labels.isEmpty())
        m_request.labels = m_beside.labels = found.labels;
    if (m_request.qconfig.isEmpty() && !isOfOpenModel() && !found.qconfig.isEmpty())
        m_request.qconfig = m_beside.qconfig = found.qconfig;
    probe();
}

void OpenDialog::probe() {
    const bool any = !m_request.model.isEmpty();
    {
        const QSignalBlocker once(m_probe); // all four, and then one look at them
        m_probe.setModel(m_request.model);
        m_probe.setSamples(any ? m_request.samples : QStringList());
        m_probe.setLabels(any ? m_request.labels : QString());
        m_probe.setFormats(any ? m_request.qconfig : QString(), m_request.model);
    }
    refresh();
}

bool OpenDialog::isOfOpenModel() const {
    const model::OpenRequest open = m_document.request();
    return m_document.isOpen() && m_request.model == open.model && m_request.weights == open.weights;
}

/// Other samples for the model that is open: formats and their edits stay.
bool OpenDialog::keepsEdits() const {
    return isOfOpenModel() && m_request.qconfig == m_document.request().qconfig;
}

void OpenDialog::refresh() {
    m_failure.reset();
    m_plan.reset();
    const auto& model = m_probe.model();
    const auto& samples = m_probe.samples();
    std::vector<model::ArrayInfo> arrays;
    if (samples.facts)
        arrays = model::infosOf(samples.facts->arrays);
    const bool runs = model.facts && model.facts->signature.problem.empty() && !model.facts->signature.weightsOnly;
    if (runs && !samples.isReading() && !samples.failure) {
        m_plan = model::planInputs(model.facts->signature.inputs, arrays, m_request);
        m_inputs->show(*m_plan, arrays, m_request.seed);
    } else if (!model.facts) {
        m_inputs->clear();
    }
    m_sizes->setText(m_plan ? sizesNote(*m_plan) : QString());
    m_inputsBox->setVisible(runs);
    for (QWidget* row : std::initializer_list<QWidget*>{m_samples, m_labels, m_formats, m_weights})
        row->setEnabled(!m_request.model.isEmpty());
    showNotes();
    showSplit();
    showPreview();
    showMessage();
}

void OpenDialog::showNotes() {
    m_model->setFiles(m_request.model.isEmpty() ? QStringList() : QStringList(m_request.model));
    m_samples->setFiles(m_request.samples);
    const auto one = [](FileRow* row, const QString& file) {
        row->setFiles(file.isEmpty() ? QStringList() : QStringList(file));
    };
    one(m_labels, m_request.labels);
    one(m_formats, m_request.qconfig);
    one(m_weights, m_request.weights);
    const QString folder = m_request.model.isEmpty() ? QString() : QFileInfo(m_request.model).absolutePath();
    for (FileRow* row : {m_samples, m_labels, m_formats, m_weights})
        row->setFolder(folder);
    const auto& model = m_probe.model();
    const auto note = [](bool reading, const QString& text) { return reading ? tr("reading…") : text; };
    m_model->setNote(note(model.isReading(), model.facts ? modelNote(model.facts->signature) : QString()));
    const auto& samples = m_probe.samples();
    m_samples->setNote(note(samples.isReading(),
                            samples.facts
                                ? samplesNote(*samples.facts, m_plan ? &*m_plan : nullptr, !m_beside.samples.isEmpty())
                                : QString()));
    const auto& labels = m_probe.labels();
    m_labels->setNote(
        note(labels.isReading(),
             labels.facts ? labelsNote(labels.facts->labels, m_plan && !m_plan->incomplete() ? m_plan->sampleCount : 0,
                                       !m_beside.labels.isEmpty())
             : m_request.labels.isEmpty() && !m_request.model.isEmpty()
                 ? tr("No labels, no accuracy; output SQNR and agreement with float remain")
                 : QString()));
    const auto& formats = m_probe.formats();
    m_formats->setNote(note(formats.isReading(),
                            formats.facts ? formatsNote(*formats.facts, !m_beside.qconfig.isEmpty()) : QString()));
}

void OpenDialog::showSplit() {
    const std::int64_t count = m_plan && (!m_plan->incomplete() || !m_plan->isRandom()) ? m_plan->sampleCount : 0;
    const std::int64_t chosen = model::chosenOn(count, m_request.heldOut);
    m_split->setSplit(static_cast<int>(chosen == 0 ? count : chosen), static_cast<int>(count));
    m_chosen->setVisible(count > 1);
    m_heldOut->setVisible(count > 1);
    m_chosen->setText(chosen == 0 ? tr("calibration and search: all %1").arg(count)
                                  : tr("calibration and search: 1 … %1").arg(chosen));
    m_heldOut->setText(chosen == 0 ? tr("held out: none")
                                   : tr("held out: %1 … %2 (%3)").arg(chosen + 1).arg(count).arg(count - chosen));
    m_splitNote->setText(count == 1    ? tr("1 sample: formats are chosen and judged on the same one")
                         : count == 0  ? QString()
                         : chosen == 0 ? tr("Formats are chosen and judged on the same samples")
                                       : tr("Accuracy is always shown for the held-out samples too"));
}

void OpenDialog::showPreview() {
    SamplePreviewView::Content content;
    if (m_plan && m_probe.samples().facts) {
        const auto& facts = m_probe.samples().facts;
        for (const auto& planned : m_plan->inputs) {
            if (planned.how == model::PlannedInput::How::Default ||
                planned.source.kind != model::InputSource::Kind::File)
                continue;
            const auto& items = facts->arrays.items;
            for (std::size_t i = 0; i < items.size(); ++i) {
                if (QString::fromStdString(items[i].first) != planned.source.array || items[i].second.count() == 0)
                    continue;
                content.array = std::shared_ptr<const quant::Array>(facts, &items[i].second);
                content.span = facts->spans[i];
            }
            if (!content.array)
                continue;
            content.input = QString::fromStdString(planned.input.name);
            content.samples = m_plan->sampleCount;
            break;
        }
        const auto& labels = m_probe.labels().facts;
        if (labels && static_cast<std::int64_t>(labels->labels.size()) == content.samples)
            content.labels = labels->labels;
        content.chosenOn = model::chosenOn(content.samples, m_request.heldOut);
    }
    m_preview->show(std::move(content));
}

void OpenDialog::accept() {
    if (!m_open->isEnabled() || m_opening)
        return;
    if (keepsEdits()) {
        open();
        return;
    }
    // What was unsaved may be saved later than this: the dialog may be closed by then, or ask for something else.
    m_leave([this] {
        if (isVisible() && m_open->isEnabled() && !m_opening)
            open();
    });
}

void OpenDialog::open() {
    const auto done = [this] { finish(); };
    const auto failed = [this](const model::Failure& failure) {
        setOpening(false);
        m_failure = failure;
        showMessage();
    };
    setOpening(true);
    if (keepsEdits())
        m_document.openSamplesOf(m_request, done, failed);
    else
        m_document.openModel(m_request, done, failed);
    showMessage();
}

void OpenDialog::finish() {
    setOpening(false);
    m_probe.clear();
    QDialog::accept();
}

void OpenDialog::setOpening(bool opening) {
    m_opening = opening;
    m_progress->setValue(0);
    m_page->setEnabled(!opening);
    setAcceptDrops(!opening);
    if (opening)
        m_cancel->setFocus();
}

void OpenDialog::reject() {
    // What LibTorch is in the middle of ends when it can: nobody waits for it, and its answer is dropped.
    if (m_opening)
        m_document.cancelOpening();
    setOpening(false);
    m_probe.clear();
    QDialog::reject();
}

void OpenDialog::dragEnterEvent(QDragEnterEvent* event) {
    if (!event->mimeData()->hasUrls())
        return;
    event->acceptProposedAction();
    m_dropArea->setProperty("over", true);
    m_dropArea->style()->polish(m_dropArea);
}

void OpenDialog::dragLeaveEvent(QDragLeaveEvent*) {
    m_dropArea->setProperty("over", false);
    m_dropArea->style()->polish(m_dropArea);
}

void OpenDialog::dropEvent(QDropEvent* event) {
    dragLeaveEvent(nullptr);
    const QStringList files = localFiles(event->mimeData());
    if (files.isEmpty())
        return;
    setRequest(model::withFiles(m_request, files));
}

} // namespace fxp::gui
