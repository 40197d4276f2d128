#pragma once

#include <QByteArray>
#include <QString>

#include <memory>
#include <vector>

namespace fxp::model {

/// A journal on disk, locked for as long as it is open: what a running program writes is never taken for what a crash
/// left. The lock is the kernel's, so it ends with the process, however that ends.
class JournalFile {
  public:
    /// A name in the folder that no journal of this or another program has. The file is made by the first append.
    explicit JournalFile(const QString& folder);
    /// An existing journal; null when a running program has it, or it is gone.
    static std::unique_ptr<JournalFile> taken(const QString& path);
    /// Closes it; the file stays.
    ~JournalFile();

    QString path() const { return m_path; }
    /// A new name beside the journal for weights that it names; goes with the journal.
    QString newWeightsPath();

    /// Adds the bytes: from here on a crash of the program does not lose them. Does not wait for the disk. Throws
    /// Error; the file is then as long as before.
    void append(const QByteArray& bytes);
    /// Waits until what was appended is on the disk: from here on a crash of the machine does not lose it. May be
    /// called on another thread than append. Throws Error.
    void sync();
    /// Throws Error.
    QByteArray read() const;
    /// Removes the file and the weights beside it.
    void remove();

  private:
    JournalFile() = default;
    void create(const QByteArray& bytes);

    QString m_path;
    int m_descriptor = -1;
    int m_weights = 0;
    bool m_isNameSynced = false; ///< of sync's thread alone
};

/// The journals in the folder, those that running programs have among them; the oldest first.
std::vector<QString> journalsIn(const QString& folder);

} // namespace fxp::model
