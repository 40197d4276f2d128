#include "model/journal_file.h"

#include "quant/core/error.h"
#include "quant/core/read_file.h"

#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

namespace fxp::model {

namespace {

constexpr auto kEnding = ".journal";

[[noreturn]] void fail(const QString& path, int code) {
    throw Error(path.toStdString(), "cannot be written: " + std::generic_category().message(code),
                code == ENOSPC || code == EDQUOT ? "free some space" : "check the folder and its permissions");
}

/// Opens and locks the file; −1 with errno where that cannot be done.
int lockedDescriptor(const QString& path, int flags) {
    const int descriptor = ::open(QFile::encodeName(path).constData(), flags | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor >= 0 && ::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        const int code = errno;
        ::close(descriptor);
        errno = code;
        return -1;
    }
    return descriptor;
}

int writeAll(int descriptor, const QByteArray& bytes) {
    for (qsizetype done = 0; done < bytes.size();) {
        const ssize_t wrote =
            ::write(descriptor, bytes.constData() + done, static_cast<std::size_t>(bytes.size() - done));
        if (wrote < 0 && errno != EINTR)
            return errno;
        done += wrote < 0 ? 0 : wrote;
    }
    return 0;
}

} // namespace

JournalFile::JournalFile(const QString& folder) {
    static std::atomic<int> next = 0;
    m_path = QString("%1/%2-%3-%4%5")
                 .arg(folder, QDateTime::currentDateTime().toString("yyyyMMdd-hhmmss"))
                 .arg(::getpid())
                 .arg(next++)
                 .arg(kEnding);
}

std::unique_ptr<JournalFile> JournalFile::taken(const QString& path) {
    std::unique_ptr<JournalFile> file(new JournalFile);
    file->m_path = path;
    file->m_descriptor = lockedDescriptor(path, 0);
    // Between opening and locking, the program that had it may have removed it.
    struct stat now {};
    if (file->m_descriptor < 0 || ::fstat(file->m_descriptor, &now) != 0 || now.st_nlink == 0)
        return nullptr;
    return file;
}

JournalFile::~JournalFile() {
    if (m_descriptor >= 0)
        ::close(m_descriptor);
}

QString JournalFile::newWeightsPath() {
    return m_path.chopped(QString(kEnding).size()) + QString(".%1.safetensors").arg(m_weights++);
}

void JournalFile::append(const QByteArray& bytes) {
    if (m_descriptor < 0) {
        create(bytes);
        return;
    }
    const off_t size = ::lseek(m_descriptor, 0, SEEK_END);
    if (const int code = writeAll(m_descriptor, bytes)) {
        // Half a line would end what a reader takes; where even this fails, the reader ignores the rest.
        [[maybe_unused]] const int cut = ::ftruncate(m_descriptor, size);
        fail(m_path, code);
    }
}

/// Locked, and with its first line, before it has its name: nobody can take it for one that a crash left.
void JournalFile::create(const QByteArray& bytes) {
    QDir().mkpath(QFileInfo(m_path).path());
    const QByteArray name = QFile::encodeName(m_path), unnamed = name + ".new";
    const int descriptor = lockedDescriptor(QFile::decodeName(unnamed), O_CREAT | O_EXCL);
    if (descriptor < 0)
        fail(m_path, errno);
    int code = writeAll(descriptor, bytes);
    if (code == 0 && ::rename(unnamed.constData(), name.constData()) != 0)
        code = errno;
    if (code != 0) {
        ::unlink(unnamed.constData());
        ::close(descriptor);
        fail(m_path, code);
    }
    m_descriptor = descriptor;
}

void JournalFile::sync() {
    if (m_descriptor < 0)
        return;
    if (::fdatasync(m_descriptor) != 0)
        fail(m_path, errno);
    if (std::exchange(m_isNameSynced, true))
        return;
    // The name is durable once the folder is. Not every file system syncs folders.
    const int folder = ::open(QFile::encodeName(QFileInfo(m_path).path()).constData(), O_RDONLY | O_CLOEXEC);
    if (folder >= 0) {
        ::fsync(folder);
        ::close(folder);
    }
}

QByteArray JournalFile::read() const {
    const quant::FileBytes bytes = quant::readFile(m_path.toStdString());
    return {bytes.text().data(), static_cast<qsizetype>(bytes.text().size())};
}

void JournalFile::remove() {
    const QFileInfo info(m_path);
    for (const QString& weights : info.dir().entryList({info.completeBaseName() + ".*.safetensors"}, QDir::Files))
        QFile::remove(info.dir().filePath(weights));
    QFile::remove(m_path);
    if (m_descriptor >= 0)
        ::close(m_descriptor);
    m_descriptor = -1;
}

std::vector<QString> journalsIn(const QString& folder) {
    std::vector<QString> result;
    for (const QString& name : QDir(folder).entryList({QString("*") + kEnding}, QDir::Files, QDir::Name))
        result.push_back(QDir(folder).filePath(name));
    return result;
}

} // namespace fxp::model
