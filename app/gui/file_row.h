#pragma once

#include <QStringList>
#include <QWidget>

class QLabel;
class QLineEdit;
class QPushButton;

namespace fxp::gui {

/// A file to choose, or several: its name, a way to look for it, and a line on what was found in it. The field shows
/// the name alone, and the whole path while it has the focus.
class FileRow : public QWidget {
    Q_OBJECT
  public:
    /// `tip` says what the file is for.
    FileRow(const QString& title, const QString& placeholder, const QString& tip, const QString& filter, bool several,
            QWidget* parent = nullptr);

    const QStringList& files() const { return m_files; }
    QString file() const { return m_files.value(0); }
    void setFiles(const QStringList& files);
    void setNote(const QString& text);
    /// Where the file dialog begins while no file is chosen.
    void setFolder(const QString& folder) { m_folder = folder; }
    QLineEdit* field() const { return m_field; }
    QLabel* note() const { return m_note; }
    QPushButton* browseButton() const { return m_browse; }

  Q_SIGNALS:
    /// The user chose other files, or none.
    void chosen(const QStringList& files);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void browse();
    void showFiles();
    void readField();

    QString m_title, m_tip, m_filter, m_folder;
    bool m_several;
    QStringList m_files;
    QLineEdit* m_field;
    QPushButton* m_browse;
    QLabel* m_note;
};

} // namespace fxp::gui
