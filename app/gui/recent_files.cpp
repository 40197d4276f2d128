#include "app/gui/recent_files.h"

#include "quant/core/error.h"

#include <QDir>
#include <QFileInfo>
#include <QFontMetrics>
#include <QJsonDocument>
#include <QMenu>

namespace fxp::gui {

namespace {

constexpr int kKept = 8;
constexpr int kLongestName = 70; ///< letters
constexpr auto kKey = "recent";

/// An entry of the settings: JSON, or the plain name of a model that earlier versions kept.
model::OpenRequest requestFrom(const QString& entry) {
    if (entry.startsWith('{')) {
        try {
            return model::openRequestFrom(QJsonDocument::fromJson(entry.toUtf8()).object());
        } catch (const Error&) {
            return {}; // written by another version: not worth a message
        }
    }
    model::OpenRequest request;
    request.model = entry;
    return request;
}

QString entryOf(const model::OpenRequest& request) {
    return QString::fromUtf8(QJsonDocument(toJson(request)).toJson(QJsonDocument::Compact));
}

/// The files opened beside the model, by name.
QStringList besides(const model::OpenRequest& request) {
    QStringList names;
    if (request.samples.size() > 1)
        names << RecentFiles::tr("%1 samples files").arg(request.samples.size());
    else if (!request.samples.isEmpty())
        names << QFileInfo(request.samples.front()).fileName();
    for (const QString& file : {request.labels, request.qconfig, request.weights}) {
        if (!file.isEmpty())
            names << QFileInfo(file).fileName();
    }
    return names;
}

QStringList filesOf(const model::OpenRequest& request) {
    QStringList files{request.model};
    files += request.samples.mid(0, 4);
    for (const QString& file : {request.labels, request.qconfig, request.weights}) {
        if (!file.isEmpty())
            files << file;
    }
    return files;
}

} // namespace

RecentFiles::RecentFiles(QSettings& settings, QMenu* menu, QObject* parent)
    : QObject(parent), m_settings(settings), m_menu(menu) {
    m_menu->setToolTipsVisible(true);
    connect(m_menu, &QMenu::aboutToShow, this, &RecentFiles::refresh);
    refresh();
}

void RecentFiles::add(const model::OpenRequest& request) {
    QStringList entries{entryOf(request)};
    for (const QString& entry : m_settings.value(kKey).toStringList()) {
        const QString model = requestFrom(entry).model;
        if (!model.isEmpty() && model != request.model && entries.size() < kKept)
            entries << entry;
    }
    m_settings.setValue(kKey, entries);
    refresh();
}

void RecentFiles::refresh() {
    m_menu->clear();
    for (const QString& entry : m_settings.value(kKey).toStringList()) {
        const model::OpenRequest request = requestFrom(entry);
        if (request.model.isEmpty())
            continue;
        const QFontMetrics metrics(m_menu->font());
        QString text = metrics.elidedText(QDir::toNativeSeparators(request.model), Qt::ElideMiddle,
                                          metrics.averageCharWidth() * kLongestName);
        if (const QStringList names = besides(request); !names.isEmpty())
            text += QStringLiteral(" — ") + names.join(", ");
        QAction* action = m_menu->addAction(text.replace('&', "&&"), this, [this, request] { Q_EMIT chosen(request); });
        const bool isThere = QFileInfo::exists(request.model);
        action->setEnabled(isThere);
        action->setToolTip(isThere ? filesOf(request).join('\n')
                                   : tr("%1 is no longer there").arg(QDir::toNativeSeparators(request.model)));
    }
    m_menu->setEnabled(!m_menu->isEmpty());
}

} // namespace fxp::gui
