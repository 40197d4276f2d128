#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fxp::quant {

/// A file's bytes, held once.
class FileBytes {
  public:
    FileBytes() = default;
    FileBytes(std::unique_ptr<std::byte[]> data, std::size_t size) : m_data(std::move(data)), m_size(size) {}

    std::span<const std::byte> bytes() const { return {m_data.get(), m_size}; }
    std::string_view text() const { return {reinterpret_cast<const char*>(m_data.get()), m_size}; }

  private:
    std::unique_ptr<std::byte[]> m_data;
    std::size_t m_size = 0;
};

/// A regular file, open for reading. Folders, devices and pipes are refused: they have no size, and may never end.
class RegularFile {
  public:
    /// Throws Error: the path, why it cannot be read.
    explicit RegularFile(const std::string& path);
    ~RegularFile();
    RegularFile(const RegularFile&) = delete;
    RegularFile& operator=(const RegularFile&) = delete;

    /// Bytes when it was opened.
    std::uint64_t size() const { return m_size; }
    /// The next bytes, as many as there are up to the buffer's size; 0 at the end. Throws Error.
    std::size_t read(std::span<std::byte> into);
    /// The bytes from that place on, likewise; where the next read() begins stays. Throws Error.
    std::size_t readAt(std::uint64_t position, std::span<std::byte> into) const;

  private:
    std::string m_path;
    int m_descriptor;
    std::uint64_t m_size = 0;
};

/// Reads a regular file whole. Throws Error: the path, why it cannot be read.
FileBytes readFile(const std::string& path);

} // namespace fxp::quant
