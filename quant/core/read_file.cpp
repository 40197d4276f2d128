#include "quant/core/read_file.h"

#include "quant/core/error.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <system_error>

namespace fxp::quant {

namespace {

/// The most bytes of one read().
constexpr std::size_t kPiece = std::size_t{1} << 30;

std::string reason(int code) {
    return std::generic_category().message(code);
}

} // namespace

RegularFile::RegularFile(const std::string& path)
    // Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
    : m_path(path), m_descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (m_descriptor < 0)
        throw Error(path, errno == ENOENT ? "there is no such file" : "cannot be opened: " + reason(errno),
                    "check the path");
    struct stat status {};
    const bool known = ::fstat(m_descriptor, &status) == 0;
    if (known && S_ISREG(status.st_mode)) {
        m_size = static_cast<std::uint64_t>(status.st_size);
        return;
    }
    ::close(m_descriptor);
    throw Error(path, known && S_ISDIR(status.st_mode) ? "is a folder" : "is not a regular file", "give a file");
}

RegularFile::~RegularFile() {
    ::close(m_descriptor);
}

namespace {

/// Fills the buffer by `next`, which reads some bytes to a place of it, given how many are there already.
template <class Next> std::size_t fill(const std::string& path, std::span<std::byte> into, Next next) {
    std::size_t done = 0;
    while (done < into.size()) {
        const ssize_t got = next(into.data() + done, std::min(into.size() - done, kPiece), done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw Error(path, "cannot be read: " + reason(errno), "check the disk");
        if (got == 0)
            break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

} // namespace

std::size_t RegularFile::read(std::span<std::byte> into) {
    return fill(m_path, into, [this](std::byte* to, std::size_t count, std::size_t /*done*/) {
        return ::read(m_descriptor, to, count);
    });
}

std::size_t RegularFile::readAt(std::uint64_t position, std::span<std::byte> into) const {
    return fill(m_path, into, [&](std::byte* to, std::size_t count, std::size_t done) {
        return ::pread(m_descriptor, to, count, static_cast<off_t>(position + done));
    });
}

FileBytes readFile(const std::string& path) {
    RegularFile file(path);
    if (file.size() > std::numeric_limits<std::size_t>::max())
        throw Error(path, "is larger than the memory can be", "give a smaller file");
    const auto size = static_cast<std::size_t>(file.size());
    auto data = std::make_unique_for_overwrite<std::byte[]>(size);
    // The file was truncated while it was read.
    const std::size_t got = file.read({data.get(), size});
    return {std::move(data), got};
}

} // namespace fxp::quant
