#include "app/gui/recovery.h"

#include "quant/core/error.h"
#include "quant/io/atomic_file.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

namespace fxp::gui {

namespace {

constexpr int kPauseMs = 1000;

} // namespace

Recovery::Recovery(model::Document& document, const QString& folder, QObject* parent)
    : QObject(parent), m_document(document), m_file(folder + "/recovery.json"), m_lock(folder + "/recovery.lock") {
    QDir().mkpath(folder);
    m_lock.setStaleLockTime(0);
    m_owned = m_lock.tryLock();
    m_pause.setSingleShot(true);
    m_pause.setInterval(kPauseMs);
    connect(&m_pause, &QTimer::timeout, this, &Recovery::flush);
    connect(&document, &model::Document::formatsChanged, this, [this] { m_pause.start(); });
    connect(&document, &model::Document::modifiedChanged, this, [this](bool modified) {
        if (!modified)
            discard();
    });
}

Recovery::~Recovery() {
    discard();
}

std::optional<Recovery::Left> Recovery::left() const {
    QFile file(m_file);
    if (!m_owned || !file.open(QIODevice::ReadOnly))
        return std::nullopt;
    const QJsonObject json = QJsonDocument::fromJson(file.readAll()).object();
    if (!json.contains("model") || !QFile::exists(json["model"].toString()))
        return std::nullopt;
    Left left{json["model"].toString(), {}, json["qconfig"].toString().toUtf8()};
    for (const auto& input : json["inputs"].toArray())
        left.inputs << input.toString();
    return left;
}

void Recovery::discard() {
    m_pause.stop();
    if (m_owned)
        QFile::remove(m_file);
}

void Recovery::flush() {
    m_pause.stop();
    if (!m_owned || !m_document.isOpen() || !m_document.isModified())
        return;
    const QJsonObject json{{"model", m_document.model()->request.model},
                           {"inputs", QJsonArray::fromStringList(m_document.model()->request.samples)},
                           {"qconfig", QString::fromUtf8(m_document.qconfig())}};
    try {
        quant::writeFileAtomically(m_file.toStdString(), QJsonDocument(json).toJson().toStdString());
    } catch (const Error&) {
        // No place to keep edits: nothing that the user could do now.
    }
}

} // namespace fxp::gui
