#pragma once

#include "model/document.h"

#include <QLockFile>
#include <QObject>
#include <QTimer>

#include <optional>

namespace fxp::gui {

/// Keeps the unsaved edits in a file beside the settings, so that a crash loses nothing. The file is gone when the
/// document is saved or left in order.
class Recovery : public QObject {
    Q_OBJECT
  public:
    Recovery(model::Document& document, const QString& folder, QObject* parent = nullptr);
    ~Recovery() override;

    struct Left {
        QString model;
        QStringList inputs;
        QByteArray qconfig;
    };
    /// What the last, crashed, program left; absent when there is nothing.
    std::optional<Left> left() const;
    void discard();
    /// Writes at once what is else written when edits pause.
    void flush();

  private:
    model::Document& m_document;
    QString m_file;
    QLockFile m_lock; ///< a second program running beside this one leaves the file alone
    bool m_owned;
    QTimer m_pause;
};

} // namespace fxp::gui
