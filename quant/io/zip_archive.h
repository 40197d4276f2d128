#pragma once

#include "quant/core/read_file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

struct zip;

namespace fxp::quant {

/// A zip file, read entry by entry, whose directory was checked as a whole before anything is allocated for it: entries
/// stored or deflated and not encrypted, no name twice, sizes that they can have, and no more inflated bytes than
/// a file of that size may hold. No path in it is followed.
class ZipArchive {
  public:
    /// Throws Error naming the file.
    explicit ZipArchive(const std::string& file);
    /// The same of bytes that outlive it; `where` names them.
    ZipArchive(std::span<const std::byte> bytes, const std::string& where);

    const std::string& where() const { return m_where; }
    /// Names in the file's order.
    const std::vector<std::string>& names() const { return m_names; }
    bool has(const std::string& name) const { return m_places.contains(name); }
    /// The only entry of that last path component, or of those last ones; empty where there is none. Throws Error where
    /// there are two.
    std::string find(const std::string& tail) const;

    /// Bytes of the entry when inflated. Throws Error where there is none of that name.
    std::uint64_t size(const std::string& name) const;
    FileBytes read(const std::string& name) const;
    /// Fills `into`, which has the entry's size. Throws Error where the entry is damaged or has another size.
    void read(const std::string& name, std::span<std::byte> into) const;

  private:
    struct Discard {
        void operator()(zip* archive) const;
    };
    void check(std::uint64_t archiveSize);
    std::uint64_t placeOf(const std::string& name) const;

    std::string m_where;
    std::unique_ptr<zip, Discard> m_archive;
    std::vector<std::string> m_names;
    std::vector<std::uint64_t> m_sizes;
    std::unordered_map<std::string, std::uint64_t> m_places;
};

} // namespace fxp::quant
