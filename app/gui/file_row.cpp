#include "app/gui/file_row.h"

#include <QDir>
#include <QEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>

namespace fxp::gui {

namespace {

constexpr int kTitleWidth = 88;
const QString kBetween = QStringLiteral("; ");

} // namespace

FileRow::FileRow(const QString& title, const QString& placeholder, const QString& tip, const QString& filter,
                 bool several, QWidget* parent)
    : QWidget(parent), m_title(title), m_tip(tip), m_filter(filter), m_several(several), m_field(new QLineEdit),
      m_browse(new QPushButton(tr("Browse…"))), m_note(new QLabel) {
    auto* heading = new QLabel(title);
    heading->setObjectName("heading");
    heading->setFixedWidth(kTitleWidth);
    heading->setBuddy(m_field);
    m_field->setPlaceholderText(placeholder);
    m_field->setAccessibleName(title);
    m_field->installEventFilter(this);
    m_field->setToolTip(m_tip);
    m_browse->setAutoDefault(false);
    m_browse->setToolTip(several ? tr("Choose files from a folder") : tr("Choose a file from a folder"));
    m_browse->setAccessibleName(tr("Browse for %1").arg(title.toLower()));
    m_note->setObjectName("muted");
    m_note->setTextFormat(Qt::PlainText);
    m_note->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    line->addWidget(heading);
    line->addWidget(m_field, 1);
    line->addWidget(m_browse);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(5);
    layout->addLayout(line);
    auto* below = new QHBoxLayout;
    below->setContentsMargins(kTitleWidth + 8, 0, 0, 0);
    below->addWidget(m_note);
    layout->addLayout(below);
    m_note->hide();
    connect(m_browse, &QPushButton::clicked, this, &FileRow::browse);
    connect(m_field, &QLineEdit::editingFinished, this, &FileRow::readField);
}

void FileRow::setFiles(const QStringList& files) {
    if (files == m_files)
        return;
    m_files = files;
    showFiles();
}

void FileRow::setNote(const QString& text) {
    m_note->setText(text);
    m_note->setToolTip(text);
    m_note->setVisible(!text.isEmpty());
}

void FileRow::showFiles() {
    QStringList native;
    for (const QString& file : m_files)
        native << QDir::toNativeSeparators(file);
    m_field->setToolTip(m_files.isEmpty() ? m_tip : m_tip + "\n\n" + native.join('\n'));
    if (m_field->hasFocus())
        m_field->setText(native.join(kBetween));
    else if (m_files.isEmpty())
        m_field->clear();
    else
        m_field->setText(m_files.size() == 1 ? QFileInfo(m_files.front()).fileName()
                                             : tr("%1 and %n more", nullptr, static_cast<int>(m_files.size()) - 1)
                                                   .arg(QFileInfo(m_files.front()).fileName()));
}

bool FileRow::eventFilter(QObject* watched, QEvent* event) {
    if (watched == m_field && event->type() == QEvent::FocusIn) {
        QMetaObject::invokeMethod(
            this,
            [this] {
                if (!m_field->hasFocus() || m_field->isModified())
                    return;
                showFiles();
                m_field->selectAll();
            },
            Qt::QueuedConnection);
    } else if (watched == m_field && event->type() == QEvent::FocusOut) {
        QMetaObject::invokeMethod(
            this, [this] { showFiles(); }, Qt::QueuedConnection);
    }
    return QWidget::eventFilter(watched, event);
}

void FileRow::readField() {
    if (!m_field->isModified())
        return;
    m_field->setModified(false);
    QStringList files;
    for (const QString& part : m_several ? m_field->text().split(';') : QStringList(m_field->text())) {
        if (!part.trimmed().isEmpty())
            files << QFileInfo(QDir::fromNativeSeparators(part.trimmed())).absoluteFilePath();
    }
    if (files == m_files)
        return;
    setFiles(files);
    Q_EMIT chosen(files);
}

void FileRow::browse() {
    const QString folder = m_files.isEmpty() ? m_folder : QFileInfo(m_files.front()).absolutePath();
    QStringList files;
    if (m_several)
        files = QFileDialog::getOpenFileNames(this, m_title, folder, m_filter);
    else if (const QString file = QFileDialog::getOpenFileName(this, m_title, folder, m_filter); !file.isEmpty())
        files << file;
    if (files.isEmpty())
        return;
    setFiles(files);
    Q_EMIT chosen(files);
}

} // namespace fxp::gui
