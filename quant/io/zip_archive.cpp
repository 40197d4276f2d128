#include "quant/io/zip_archive.h"

#include "quant/core/error.h"

#include <zip.h>

#include <algorithm>

namespace fxp::quant {

namespace {

constexpr std::uint64_t kMaxRatio = 1032;                         // deflate's own bound: 258 bytes of two bits
constexpr std::uint64_t kMaxTotalRatio = 100;                     // of all entries together,
constexpr std::uint64_t kAlwaysInflated = std::uint64_t{1} << 28; // but this much in any case
constexpr zip_int64_t kMaxEntries = 1 << 20;

constexpr const char* kHint = "give a file that is complete and was not changed";

[[noreturn]] void fail(const std::string& where, const std::string& what) {
    throw Error(where, what, kHint);
}

} // namespace

void ZipArchive::Discard::operator()(zip* archive) const {
    zip_discard(archive);
}

ZipArchive::ZipArchive(const std::string& file) : m_where(file) {
    const std::uint64_t size = RegularFile(file).size();
    int code = 0;
    m_archive.reset(zip_open(file.c_str(), ZIP_RDONLY, &code));
    check(size);
}

ZipArchive::ZipArchive(std::span<const std::byte> bytes, const std::string& where) : m_where(where) {
    zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, nullptr);
    m_archive.reset(source ? zip_open_from_source(source, ZIP_RDONLY, nullptr) : nullptr);
    if (!m_archive && source)
        zip_source_free(source);
    check(bytes.size());
}

void ZipArchive::check(std::uint64_t archiveSize) {
    if (!m_archive)
        fail(m_where, "cannot be read as a zip file: it is damaged or cut off");
    const zip_int64_t count = zip_get_num_entries(m_archive.get(), 0);
    if (count > kMaxEntries)
        fail(m_where, "has more entries than a model has");
    const std::uint64_t inflatable = std::max(kAlwaysInflated, archiveSize * kMaxTotalRatio);
    std::uint64_t stored = 0, inflated = 0;
    for (zip_int64_t i = 0; i < count; ++i) {
        zip_stat_t entry;
        constexpr zip_uint64_t kNeeded =
            ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
        if (zip_stat_index(m_archive.get(), static_cast<zip_uint64_t>(i), 0, &entry) != 0 || !entry.name ||
            (entry.valid & kNeeded) != kNeeded)
            fail(m_where, "has an entry that cannot be read");
        const std::string name = entry.name, where = m_where + ", " + name;
        const bool isStored = entry.comp_method == ZIP_CM_STORE;
        if (entry.encryption_method != ZIP_EM_NONE)
            fail(where, "is encrypted");
        if (!isStored && entry.comp_method != ZIP_CM_DEFLATE)
            fail(where, "is compressed in a way that model files are not");
        if (entry.comp_size > archiveSize - stored)
            fail(where, "overlaps another entry, or is cut off");
        stored += entry.comp_size;
        if (isStored ? entry.size != entry.comp_size : entry.size / kMaxRatio > entry.comp_size)
            fail(where, "states a size that it cannot have");
        if (!isStored && entry.size > inflatable - inflated)
            fail(m_where, "inflates to more than " + std::to_string(inflatable >> 20) + " MiB");
        inflated += isStored ? 0 : entry.size;
        if (!m_places.try_emplace(name, static_cast<std::uint64_t>(i)).second)
            fail(where, "stands in the archive twice");
        m_names.push_back(name);
        m_sizes.push_back(entry.size);
    }
}

std::string ZipArchive::find(const std::string& tail) const {
    std::string found;
    for (const std::string& name : m_names) {
        if (name != tail && !name.ends_with("/" + tail))
            continue;
        if (!found.empty())
            fail(m_where, "has both " + found + " and " + name);
        found = name;
    }
    return found;
}

std::uint64_t ZipArchive::placeOf(const std::string& name) const {
    const auto found = m_places.find(name);
    if (found == m_places.end())
        fail(m_where, "has no entry " + name);
    return found->second;
}

std::uint64_t ZipArchive::size(const std::string& name) const {
    return m_sizes[placeOf(name)];
}

FileBytes ZipArchive::read(const std::string& name) const {
    const std::uint64_t bytes = size(name);
    auto data = std::make_unique_for_overwrite<std::byte[]>(bytes);
    read(name, {data.get(), bytes});
    return {std::move(data), bytes};
}

void ZipArchive::read(const std::string& name, std::span<std::byte> into) const {
    const std::uint64_t place = placeOf(name);
    const std::string where = m_where + ", " + name;
    if (m_sizes[place] != into.size())
        fail(where, "has " + std::to_string(m_sizes[place]) + " bytes, and needs " + std::to_string(into.size()));
    const std::unique_ptr<zip_file_t, decltype([](zip_file_t* file) { zip_fclose(file); })> entry(
        zip_fopen_index(m_archive.get(), place, 0));
    if (!entry)
        fail(where, "cannot be read");
    std::size_t done = 0;
    zip_int64_t got = 1;
    while (done < into.size() && (got = zip_fread(entry.get(), into.data() + done, into.size() - done)) > 0)
        done += static_cast<std::size_t>(got);
    std::byte more;
    // The read past the end is what compares the checksum.
    if (got < 0 || done != into.size() || zip_fread(entry.get(), &more, 1) != 0)
        fail(where, "is damaged");
}

} // namespace fxp::quant
