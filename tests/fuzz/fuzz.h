#pragma once

#include "quant/core/error.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

/// libFuzzer calls this with each input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fxp::fuzz {

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

inline std::span<const std::byte> bytes(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const std::byte*>(data), size};
}

/// Reads, or is refused by an Error in one line; anything else that is thrown ends the program.
template <class Read> void readsOrRefuses(Read read) {
    try {
        read();
    } catch (const Error& error) {
        if (error.problem.empty())
            std::abort();
    }
}

/// The bytes as a regular file, for what reads files alone.
class FileInMemory {
  public:
    FileInMemory(const std::uint8_t* data, std::size_t size) : m_descriptor(::memfd_create("fuzz", 0)) {
        if (m_descriptor < 0 || ::write(m_descriptor, data, size) != static_cast<ssize_t>(size))
            std::abort();
    }
    ~FileInMemory() { ::close(m_descriptor); }
    FileInMemory(const FileInMemory&) = delete;
    FileInMemory& operator=(const FileInMemory&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(m_descriptor); }

  private:
    int m_descriptor;
};

} // namespace fxp::fuzz
