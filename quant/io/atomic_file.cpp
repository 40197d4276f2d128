#include "quant/io/atomic_file.h"

#include "quant/core/error.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

namespace fxp::quant {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{1} << 30; // what one write() may take at most
constexpr int kNames = 100;                          // tries for a name that nobody has

[[noreturn]] void fail(const std::string& path, int code) {
    throw Error(path, "cannot be written: " + std::generic_category().message(code),
                code == ENOSPC || code == EDQUOT ? "free some space" : "check the folder and its permissions");
}

/// A descriptor, closed at the end.
struct Descriptor {
    int value = -1;
    ~Descriptor() { close(); }
    /// 0, or an error's code: a network file system may report a failed write only here.
    int close() {
        const int code = value >= 0 && ::close(value) != 0 ? errno : 0;
        value = -1;
        return code;
    }
};

/// The temporary file's name, removed unless the file has become the target.
struct Temporary {
    std::string path;
    ~Temporary() {
        if (!path.empty())
            ::unlink(path.c_str());
    }
};

/// Where a link leads, so that the link stays one.
fs::path targetOf(const std::string& path) {
    std::error_code code;
    fs::path target = path;
    for (int links = 0; fs::is_symlink(target, code) && links < 40; ++links) {
        const fs::path next = fs::read_symlink(target, code);
        if (code)
            fail(path, code.value());
        target = next.is_absolute() ? next : target.parent_path() / next;
    }
    return target;
}

constexpr std::string_view kBegin = ".fxp-", kEnd = ".part";

/// Removes what programs left in the folder that were killed while they wrote. Those that write now hold a lock.
void removeLeftovers(const fs::path& folder) {
    std::error_code code;
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder, code)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(kBegin) && name.ends_with(kEnd))
            found.push_back(entry.path());
    }
    for (const fs::path& path : found) {
        const std::string name = path.filename().string();
        const long process = std::strtol(name.c_str() + kBegin.size(), nullptr, 10);
        if (process <= 0 || ::kill(static_cast<pid_t>(process), 0) == 0 || errno != ESRCH)
            continue;
        const Descriptor file{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
        struct stat status {};
        if (file.value >= 0 && ::fstat(file.value, &status) == 0 && S_ISREG(status.st_mode) &&
            ::flock(file.value, LOCK_EX | LOCK_NB) == 0)
            ::unlink(path.c_str());
    }
}

int writeAll(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t done = ::write(descriptor, bytes.data(), std::min(bytes.size(), kPiece));
        if (done < 0 && errno != EINTR)
            return errno;
        bytes.remove_prefix(done < 0 ? 0 : static_cast<std::size_t>(done));
    }
    return 0;
}

} // namespace

void writeFileAtomically(const std::string& path, std::span<const std::string_view> pieces) {
    static std::atomic<unsigned> next = 0;
    const fs::path target = targetOf(path);
    const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
    struct stat old {};
    const bool exists = ::stat(target.c_str(), &old) == 0;
    if (exists && !S_ISREG(old.st_mode)) // a rename would put a file in a device's or a folder's place
        throw Error(path, S_ISDIR(old.st_mode) ? "is a folder" : "is not a regular file", "give a file's name");

    removeLeftovers(folder);
    Descriptor file;
    Temporary temporary;
    for (int attempt = 0; file.value < 0; ++attempt) {
        std::string name(kBegin);
        name += std::to_string(::getpid());
        name += '-';
        name += std::to_string(next++);
        name += kEnd;
        const std::string candidate = (folder / name).string();
        // A new file: nobody's link or file of that name is written into. 0666: the user's umask decides.
        file.value = ::open(candidate.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (file.value >= 0) {
            temporary.path = candidate;
            ::flock(file.value, LOCK_EX | LOCK_NB);
        } else if (errno != EEXIST || attempt == kNames) {
            fail(path, errno);
        }
    }
    if (exists && ::fchmod(file.value, old.st_mode & 07777) != 0)
        fail(path, errno);
    for (const std::string_view piece : pieces) {
        if (const int code = writeAll(file.value, piece))
            fail(path, code);
    }
    if (::fsync(file.value) != 0)
        fail(path, errno);
    if (const int code = file.close())
        fail(path, code);
    if (::rename(temporary.path.c_str(), target.c_str()) != 0)
        fail(path, errno);
    temporary.path.clear();
    // The name is durable once the folder is. Some file systems cannot sync a folder; the file is then in place all the
    // same.
    const Descriptor parent{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (parent.value >= 0 && ::fsync(parent.value) != 0 && errno == EIO)
        fail(path, EIO);
}

void writeFileAtomically(const std::string& path, std::string_view bytes) {
    writeFileAtomically(path, std::span<const std::string_view>(&bytes, 1));
}

} // namespace fxp::quant
