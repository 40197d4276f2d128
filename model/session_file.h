#pragma once

#include "model/edit_state.h"
#include "model/open_request.h"

#include <QByteArray>
#include <QJsonArray>
#include <QString>
#include <QStringList>

#include <map>
#include <optional>
#include <vector>

namespace fxp::model {

/// A session as its file (.fxp) keeps it: what was open, how it looked, what was selected. docs/SESSION_FILE.md and
/// resources/schemas/session.schema.json describe the file.
struct SessionFile {
    OpenRequest request;                 ///< files by absolute path
    std::map<QString, QString> sha256;   ///< of the request's files, by absolute path; folders have none
    std::optional<EditState> edits;      ///< formats and folding where they are in no file; `weights` is not used
    QByteArray geometry;                 ///< of the window, as QWidget::saveGeometry gives it
    std::map<QString, QByteArray> panes; ///< states of splitters and bars by their names
    QStringList selection;               ///< paths of the selected tensors
    QString current;                     ///< the one whose plots are shown; empty: none
    QJsonArray runs;                     ///< kept runs, objects with a name and formats
};

/// The session's text. Files in `folder`, where the session file lies, or below are named relative to it.
QByteArray toBytes(const SessionFile& session, const QString& folder);
/// Throws Error: a JSON pointer, what is wrong there, what to do.
SessionFile sessionFileFrom(const QByteArray& bytes, const QString& folder);

/// The request's files, each once: what a session has hashes of.
QStringList filesOf(const OpenRequest& request);
/// The hashes of those files that are regular ones. Throws Error when one cannot be read. Takes as long as reading
/// them.
std::map<QString, QString> hashesOf(const OpenRequest& request);

/// A file that is not as the session knows it.
struct ChangedFile {
    QString path;
    bool isGone = false; ///< else its content is another
};
/// Takes as long as reading the files.
std::vector<ChangedFile> changedFiles(const SessionFile& session);

/// The session with another file in a file's place, of which the same content is expected.
SessionFile withFile(SessionFile session, const QString& file, const QString& instead);

} // namespace fxp::model
