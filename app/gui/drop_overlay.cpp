#include "app/gui/drop_overlay.h"

#include "model/files_beside.h"
#include "model/one_line.h"
#include "quant/core/error.h"
#include "quant/import/container.h"

#include <QDragEnterEvent>
#include <QFileInfo>
#include <QMimeData>
#include <QStyle>
#include <QUrl>

namespace fxp::gui {

namespace {

QString nameOf(const QString& file) {
    return QFileInfo(file).fileName();
}

/// Why a file cannot be opened as a model; empty where it can. Its first bytes say what it is.
QString whyNoModel(const QString& file) {
    using quant::Container;
    try {
        const Container container = quant::containerOf(file.toStdString());
        switch (container) {
        case Container::TorchPackage:
        case Container::Keras:
        case Container::Hdf5:
        case Container::TfLite:
        case Container::Zip:
        case Container::Unknown:
            return container == Container::Unknown
                       ? DropPlan::tr("it is neither a model nor samples, labels, formats or weights")
                       : DropPlan::tr("%1 cannot be opened: export it as TorchScript or with torch.export")
                             .arg(QString::fromUtf8(quant::nameOf(container).data()));
        default: return {};
        }
    } catch (const Error& error) {
        return model::oneLine(QString::fromStdString(error.problem));
    }
}

/// Whether it holds tensors by name and no program.
bool isWeights(const QString& file) {
    try {
        const quant::Container container = quant::containerOf(file.toStdString());
        return container == quant::Container::Safetensors || container == quant::Container::StateDict ||
               container == quant::Container::Pickle;
    } catch (const Error&) {
        return false;
    }
}

} // namespace

DropPlan planDrop(const QStringList& files, bool open) {
    DropPlan plan;
    for (const QString& file : files) {
        if (QFileInfo(file).suffix().compare("fxp", Qt::CaseInsensitive) == 0) {
            plan.what = DropPlan::tr("Open the session %1").arg(nameOf(file));
            return plan;
        }
    }
    if (files.size() == 1 && isWeights(files.front())) {
        const QString name = nameOf(files.front());
        plan.what = open ? DropPlan::tr("Weights %1: for the open model, or as a model of their own").arg(name)
                         : DropPlan::tr("Open model %1").arg(name);
        if (open)
            plan.weights = files.front();
        return plan;
    }
    QStringList fit;
    for (const QString& file : files) {
        const bool asModel = !model::withFiles({}, {file}).model.isEmpty();
        const QString why = asModel ? whyNoModel(file) : QString();
        if (why.isEmpty())
            fit << file;
        else
            plan.refused << DropPlan::tr("%1: %2").arg(nameOf(file), why);
    }
    const model::OpenRequest request = model::withFiles({}, fit);
    QStringList parts;
    if (!request.model.isEmpty())
        parts << DropPlan::tr("model %1").arg(nameOf(request.model));
    if (request.samples.size() == 1)
        parts << DropPlan::tr("samples %1").arg(nameOf(request.samples.front()));
    else if (!request.samples.isEmpty())
        parts << DropPlan::tr("%1 files of samples").arg(request.samples.size());
    for (const auto& [file, text] : {std::pair{request.labels, DropPlan::tr("labels %1")},
                                     {request.qconfig, DropPlan::tr("formats %1")},
                                     {request.weights, DropPlan::tr("weights %1")}}) {
        if (!file.isEmpty())
            parts << text.arg(nameOf(file));
    }
    if (parts.isEmpty())
        return plan;
    if (request.model.isEmpty() && !open)
        plan.refused << DropPlan::tr("Open a model first, or drop one together with these files.");
    else
        plan.what = request.model.isEmpty() ? DropPlan::tr("Use %1").arg(parts.join(", "))
                                            : DropPlan::tr("Open %1").arg(parts.join(", "));
    return plan;
}

QStringList filesOf(const QMimeData& data) {
    QStringList files;
    for (const QUrl& url : data.urls()) {
        if (url.isLocalFile())
            files << url.toLocalFile();
    }
    return files;
}

DropOverlay::DropOverlay(QWidget& window, const model::Document& document)
    : QLabel(&window), m_window(window), m_document(document) {
    setObjectName("dropOverlay");
    setAccessibleName(tr("What a drop does"));
    setAttribute(Qt::WA_TransparentForMouseEvents);
    setAlignment(Qt::AlignCenter);
    setWordWrap(true);
    setTextFormat(Qt::RichText);
    hide();
    window.installEventFilter(this);
}

void DropOverlay::showPlan(const QStringList& files) {
    const DropPlan plan = planDrop(files, m_document.isOpen());
    QString text;
    if (!plan.what.isEmpty())
        text += QStringLiteral("<p style='font-size: 15pt; font-weight: 600'>%1</p>").arg(plan.what.toHtmlEscaped());
    for (const QString& line : plan.refused)
        text += QStringLiteral("<p>%1</p>").arg(line.toHtmlEscaped());
    setText(text);
    setProperty("refused", plan.what.isEmpty());
    style()->unpolish(this); // the property is in the style
    style()->polish(this);
    setGeometry(m_window.rect().adjusted(12, 12, -12, -12));
    raise();
    show();
}

bool DropOverlay::eventFilter(QObject* watched, QEvent* event) {
    switch (event->type()) {
    case QEvent::DragEnter: {
        const auto* drag = static_cast<QDragEnterEvent*>(event);
        if (const QStringList files = filesOf(*drag->mimeData()); !files.isEmpty())
            showPlan(files);
        break;
    }
    case QEvent::DragLeave:
    case QEvent::Drop: hide(); break;
    default: break;
    }
    return QLabel::eventFilter(watched, event);
}

} // namespace fxp::gui
