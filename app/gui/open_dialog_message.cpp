#include "app/gui/file_row.h"
#include "app/gui/inputs_table.h"
#include "app/gui/open_dialog.h"
#include "app/gui/open_notes.h"
#include "app/gui/sample_preview_view.h"
#include "app/gui/split_slider.h"
#include "views/theme.h"

#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPainter>
#include <QProgressBar>
#include <QPushButton>
#include <QStyle>

namespace fxp::gui {

namespace {

QPixmap warningIcon(const QColor& colour, qreal ratio) {
    constexpr int kSize = 16;
    QPixmap pixmap(QSize(kSize, kSize) * ratio);
    pixmap.setDevicePixelRatio(ratio);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour);
    painter.drawEllipse(0, 0, kSize, kSize);
    painter.setPen(QPen(Qt::white, 2, Qt::SolidLine, Qt::RoundCap));
    painter.drawLine(QPointF(8, 4), QPointF(8, 8.5));
    painter.drawPoint(QPointF(8, 12));
    return pixmap;
}

QString nameOf(const QString& file) {
    return QFileInfo(file).fileName();
}

QString sentence(const QString& problem, const QString& hint) {
    QString text = problem + '.';
    if (!hint.isEmpty())
        text += ' ' + hint.front().toUpper() + hint.mid(1) + '.';
    return text;
}

void setWrong(QWidget* widget, bool wrong) {
    if (widget->property("wrong").toBool() == wrong)
        return;
    widget->setProperty("wrong", wrong);
    widget->style()->unpolish(widget);
    widget->style()->polish(widget);
}

} // namespace

OpenDialog::Message OpenDialog::missingOf(const model::PlannedInput& planned) const {
    const QString name = QString::fromStdString(planned.input.name);
    return {name + ' ' + sentence(planned.missing, planned.hint), m_inputs->fieldOf(name), true, false};
}

/// The first thing that is missing, in reading order; else what will open.
OpenDialog::Message OpenDialog::message() const {
    const auto& model = m_probe.model();
    if (m_opening)
        return {m_document.task() + QStringLiteral("…"), nullptr, false, false};
    if (m_request.model.isEmpty())
        return {tr("Choose a model, or drop files here."), nullptr, false, false};
    const auto failed = [](const model::Failure& failure, const QString& file, FileRow* row) {
        return Message{nameOf(file) + ": " + sentence(failure.problem, failure.hint), row->field(), true, false};
    };
    if (model.failure)
        return failed(*model.failure, m_request.model, m_model);
    if (!model.facts)
        return {tr("Reading %1…").arg(nameOf(m_request.model)), nullptr, false, false};
    const quant::ModelSignature& signature = model.facts->signature;
    if (!signature.problem.empty())
        return {nameOf(m_request.model) + ' ' +
                    sentence(QString::fromStdString(signature.problem), QString::fromStdString(signature.hint)),
                m_model->field(), true, false};
    if (!m_request.weights.isEmpty() && !QFileInfo(m_request.weights).isFile())
        return {tr("%1: there is no such file.").arg(nameOf(m_request.weights)), m_weights->field(), true, false};
    if (signature.weightsOnly && !m_request.samples.isEmpty())
        return {tr("%1 holds weights and no program: it takes no samples. Take them out, or open the model.")
                    .arg(nameOf(m_request.model)),
                m_samples->field(), true, false};
    if (signature.weightsOnly && !m_failure)
        return {tr("Ready: weights without a program, to be given formats and exported."), nullptr, false, true};
    const auto& samples = m_probe.samples();
    if (samples.failure)
        return failed(*samples.failure, m_request.samples.value(0), m_samples);
    if (samples.isReading())
        return {tr("Reading samples…"), nullptr, false, false};
    if (const model::PlannedInput* incomplete = m_plan ? m_plan->incomplete() : nullptr)
        return missingOf(*incomplete);
    const auto& labels = m_probe.labels();
    if (labels.failure)
        return failed(*labels.failure, m_request.labels, m_labels);
    const auto& formats = m_probe.formats();
    if (formats.failure)
        return failed(*formats.failure, m_request.qconfig, m_formats);
    if (labels.isReading() || formats.isReading())
        return {tr("Reading files…"), nullptr, false, false};
    if (m_failure)
        return {(m_failure->where.isEmpty() ? QString() : m_failure->where + ": ") +
                    sentence(m_failure->problem, m_failure->hint),
                nullptr, true, true};

    const std::int64_t count = m_plan->sampleCount;
    QString text = m_plan->isRandom()
                       ? (count == 1 ? tr("Ready: 1 random sample") : tr("Ready: %1 random samples").arg(count))
                   : count == 1 ? tr("Ready: 1 sample")
                                : tr("Ready: %1 samples").arg(QLocale().toString(static_cast<qlonglong>(count)));
    if (labels.facts && static_cast<std::int64_t>(labels.facts->labels.size()) == count)
        text += tr(", %1 classes").arg(classCount(labels.facts->labels));
    if (!m_request.qconfig.isEmpty())
        text += tr(", formats from %1").arg(nameOf(m_request.qconfig));
    return {text + '.', nullptr, false, true};
}

void OpenDialog::showMessage() {
    const Message now = message();
    const views::Theme theme(palette());
    m_icon->setVisible(now.wrong);
    m_icon->setPixmap(warningIcon(theme.danger, devicePixelRatioF()));
    m_message->setText(now.text);
    m_message->setToolTip(now.text);
    m_message->setObjectName(now.wrong ? "wrong" : "");
    m_message->style()->unpolish(m_message);
    m_message->style()->polish(m_message);
    m_open->setEnabled(now.ready && !m_opening);
    m_progress->setVisible(m_opening);
    for (FileRow* row : {m_model, m_samples, m_labels, m_formats, m_weights})
        setWrong(row->field(), row->field() == now.field);
    const bool moved = now.field != m_framed;
    m_framed = now.field;
    // Whoever types elsewhere is left alone.
    const auto* typing = qobject_cast<QLineEdit*>(focusWidget());
    if (m_framed && moved && isVisible() && !(typing && typing->isModified()))
        m_framed->setFocus();
    else if (now.ready && !typing && isVisible() && m_open->isEnabled() && !m_split->hasFocus() &&
             !m_preview->hasFocus() && focusWidget() == m_cancel)
        m_open->setFocus();
}

} // namespace fxp::gui
