#include "quant/io/npz.h"

#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/io/atomic_file.h"

#include <zip.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

namespace fxp::quant {

namespace {

constexpr std::uint64_t kMaxRatio = 1032;                         // deflate's own bound: 258 bytes of two bits
constexpr std::uint64_t kMaxTotalRatio = 100;                     // the greatest ratio for all members together,
constexpr std::uint64_t kAlwaysInflated = std::uint64_t{1} << 30; // but so many bytes are always allowed
constexpr std::int64_t kMaxMembers = 1 << 16;

using Archive = std::unique_ptr<zip_t, decltype([](zip_t* zip) { zip_discard(zip); })>;
using Member = std::unique_ptr<zip_file_t, decltype([](zip_file_t* file) { zip_fclose(file); })>;

[[noreturn]] void fail(const std::string& where, const std::string& what) {
    throw Error(where, what, "write it again with numpy.savez");
}

/// Opens an archive in a source, and owns the source from then on.
Archive opened(zip_source_t* source, int flags) {
    Archive archive(source ? zip_open_from_source(source, flags, nullptr) : nullptr);
    if (!archive && source)
        zip_source_free(source);
    return archive;
}

/// Adds up the sizes that the members claim, and refuses impossible ones before anything is allocated.
class Budget {
  public:
    Budget(std::uint64_t archive, const std::string& file)
        : m_archive(archive), m_inflatable(std::max(kAlwaysInflated, archive * kMaxTotalRatio)), m_file(file) {}

    void add(const zip_stat_t& member, const std::string& where) {
        constexpr zip_uint64_t kNeeded =
            ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
        if ((member.valid & kNeeded) != kNeeded)
            fail(where, "cannot be read");
        if (member.encryption_method != ZIP_EM_NONE)
            fail(where, "is encrypted");
        const bool stored = member.comp_method == ZIP_CM_STORE;
        if (!stored && member.comp_method != ZIP_CM_DEFLATE)
            fail(where, "is compressed in a way that NumPy does not use");
        if (member.comp_size > m_archive - m_stored)
            fail(where, "overlaps another member, or is cut off");
        m_stored += member.comp_size;
        if (stored ? member.size != member.comp_size : member.size / kMaxRatio > member.comp_size)
            fail(where, "states a size that it cannot have");
        if (!stored && member.size > m_inflatable - m_inflated)
            fail(m_file, "inflates to more than " + std::to_string(m_inflatable >> 20) + " MiB");
        m_inflated += stored ? 0 : member.size;
    }

  private:
    std::uint64_t m_archive, m_inflatable, m_stored = 0, m_inflated = 0;
    const std::string& m_file;
};

FileBytes inflated(zip_t* archive, zip_uint64_t index, std::uint64_t size, const std::string& where) {
    const Member member(zip_fopen_index(archive, index, 0));
    if (!member)
        fail(where, "cannot be read");
    auto data = std::make_unique_for_overwrite<std::byte[]>(size);
    std::uint64_t done = 0;
    zip_int64_t got = 1;
    while (done < size && (got = zip_fread(member.get(), data.get() + done, size - done)) > 0)
        done += static_cast<std::uint64_t>(got);
    std::byte more;
    // libzip compares the checksum only when it is read past the end.
    if (got < 0 || done != size || zip_fread(member.get(), &more, 1) != 0)
        fail(where, "is damaged");
    return {std::move(data), size};
}

} // namespace

Array readNpy(const std::string& file) {
    return readNpy(readFile(file).bytes(), file);
}

NamedArrays readNpz(const std::string& file) {
    return readNpz(readFile(file).bytes(), file);
}

NamedArrays readNpz(std::span<const std::byte> bytes, const std::string& where) {
    if (bytes.empty()) // an archive of no arrays, for a model without inputs, has its end record
        fail(where, "is empty, and no archive of arrays");
    const Archive archive =
        opened(zip_source_buffer_create(bytes.data(), bytes.size(), 0, nullptr), ZIP_RDONLY | ZIP_CHECKCONS);
    if (!archive)
        fail(where, "is not an .npz archive, or is cut off");
    const zip_int64_t members = zip_get_num_entries(archive.get(), 0);
    if (members > kMaxMembers)
        fail(where, "has more members than an archive of arrays has");
    Budget budget(bytes.size(), where);
    NamedArrays result;
    std::set<std::string> names;
    for (zip_int64_t i = 0; i < members; ++i) {
        zip_stat_t stat;
        const auto index = static_cast<zip_uint64_t>(i);
        if (zip_stat_index(archive.get(), index, 0, &stat) != 0 || !stat.name)
            fail(where, "has a member that cannot be read");
        std::string name = stat.name;
        const std::string member = where + ", " + name;
        budget.add(stat, member);
        const FileBytes data = inflated(archive.get(), index, stat.size, member);
        if (name.ends_with(".npy"))
            name.resize(name.size() - 4);
        if (!names.insert(name).second)
            fail(member, "stands in the archive twice");
        result.items.emplace_back(name, readNpy(data.bytes(), member));
    }
    return result;
}

void writeNpz(const std::string& file, const NamedArrays& arrays) {
    const auto refuse = [&](const char* why) {
        throw Error(file, std::string("cannot be written: ") + why, "free some memory");
    };
    // libzip makes the archive in memory; writeFileAtomically then writes it, as it writes every file.
    zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, nullptr);
    if (target)
        zip_source_keep(target); // read after the archive is closed
    const std::unique_ptr<zip_source_t, decltype([](zip_source_t* source) { zip_source_free(source); })> kept(target);
    Archive archive = opened(target, ZIP_CREATE | ZIP_TRUNCATE);
    if (!archive)
        refuse("no archive can be made");
    std::vector<std::string> headers; // libzip reads them when it closes the archive
    headers.reserve(arrays.items.size());
    std::vector<std::vector<zip_buffer_fragment_t>> fragments;
    fragments.reserve(arrays.items.size());
    for (const auto& [name, array] : arrays.items) {
        headers.push_back(npyHeader(array));
        // libzip's fragments are not const, and are only read.
        fragments.push_back({{reinterpret_cast<zip_uint8_t*>(headers.back().data()), headers.back().size()}});
        if (!array.bytes.empty())
            fragments.back().push_back(
                {const_cast<zip_uint8_t*>(reinterpret_cast<const zip_uint8_t*>(array.bytes.data())),
                 array.bytes.size()});
        zip_source_t* source =
            zip_source_buffer_fragment(archive.get(), fragments.back().data(), fragments.back().size(), 0);
        const zip_int64_t index =
            source ? zip_file_add(archive.get(), (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
        if (index < 0) {
            zip_source_free(source);
            refuse(zip_strerror(archive.get()));
        }
        zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
    }
    if (zip_close(archive.get()) != 0)
        refuse(zip_strerror(archive.get()));
    archive.release();

    zip_stat_t stat;
    if (zip_source_stat(target, &stat) != 0 || zip_source_open(target) != 0)
        refuse("the archive cannot be read back");
    const auto size = static_cast<std::size_t>(stat.size);
    const auto bytes = std::make_unique_for_overwrite<char[]>(size);
    const zip_int64_t got = zip_source_read(target, bytes.get(), size);
    zip_source_close(target);
    if (got < 0 || static_cast<std::size_t>(got) != size)
        refuse("the archive cannot be read back");
    writeFileAtomically(file, std::string_view(bytes.get(), size));
}

} // namespace fxp::quant
