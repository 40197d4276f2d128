#include "quant/io/npz.h"

#include "quant/core/error.h"
#include "quant/io/elements.h"

#include <zip.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>

namespace fxp::quant {

namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 36;

/// The .npy format: NumPy Enhancement Proposal 1.
class NpyReader {
  public:
    NpyReader(std::string where, const std::string& bytes) : m_where(std::move(where)), m_bytes(bytes) {}

    Array read() {
        if (m_bytes.size() < 10 || m_bytes.compare(0, 6, "\x93NUMPY") != 0)
            fail("is not a NumPy array");
        const int major = m_bytes[6];
        std::size_t length = static_cast<unsigned char>(m_bytes[8]) | static_cast<unsigned char>(m_bytes[9]) << 8;
        std::size_t begin = 10;
        if (major >= 2) {
            if (m_bytes.size() < 12)
                fail("is cut off in its header");
            length |= static_cast<std::size_t>(static_cast<unsigned char>(m_bytes[10])) << 16 |
                      static_cast<std::size_t>(static_cast<unsigned char>(m_bytes[11])) << 24;
            begin = 12;
        }
        if (m_bytes.size() < begin + length)
            fail("is cut off in its header");
        return body(m_bytes.substr(begin, length), begin + length);
    }

  private:
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(m_where, what, "write it again with numpy.save or numpy.savez");
    }

    std::string field(const std::string& header, const std::string& pattern) const {
        std::smatch match;
        if (!std::regex_search(header, match, std::regex(pattern)))
            fail("has a header that cannot be read");
        return match[1];
    }

    Array body(const std::string& header, std::size_t offset) const {
        const std::string type = field(header, R"('descr'\s*:\s*'([^']*)')");
        const bool fortran = field(header, R"('fortran_order'\s*:\s*(True|False))") == "True";
        std::istringstream dims(field(header, R"('shape'\s*:\s*\(([^)]*)\))"));
        Array array;
        std::uint64_t count = 1;
        for (std::string part; std::getline(dims, part, ',');) {
            if (part.find_first_not_of(' ') == std::string::npos)
                continue;
            char* end = nullptr;
            const long long size = std::strtoll(part.c_str(), &end, 10);
            if (size < 0 || end == part.c_str())
                fail("has an impossible shape");
            array.shape.push_back(size);
            if (size > 0 && count > kMaxBytes / static_cast<std::uint64_t>(size))
                fail("has a shape too large to be real");
            count *= static_cast<std::uint64_t>(size);
        }
        decode(array, type, m_bytes.data() + offset, m_bytes.size() - offset, static_cast<std::size_t>(count));
        if (fortran)
            toRowMajor(array);
        return array;
    }

    void decode(Array& array, const std::string& type, const char* data, std::size_t available,
                std::size_t count) const {
        if (type.size() < 3 || type[0] == '>')
            fail("has elements of type " + type + ", which is not supported");
        const std::string key = type.substr(1);
        const std::size_t size = elementBytes(key);
        if (size == 0)
            fail("has elements of type " + type + ", which is not supported");
        if (available / size < count)
            fail("is cut off");
        decodeElements(key, data, count, array);
    }

    static void toRowMajor(Array& array) {
        const std::size_t dims = array.shape.size(), size = array.elementSize();
        const auto count = static_cast<std::size_t>(array.count());
        std::vector<std::byte> out(array.bytes.size());
        std::vector<std::int64_t> index(dims, 0);
        for (std::size_t i = 0; i < count; ++i) {
            std::int64_t from = 0;
            for (std::size_t d = dims; d-- > 0;)
                from = from * array.shape[d] + index[d];
            std::memcpy(out.data() + i * size, array.bytes.data() + static_cast<std::size_t>(from) * size, size);
            for (std::size_t d = dims; d-- > 0 && ++index[d] == array.shape[d];)
                index[d] = 0;
        }
        array.bytes = std::move(out);
    }

    std::string m_where;
    const std::string& m_bytes;
};

std::string npyBytes(const Array& array) {
    const char* type = array.type == ElementType::Float32 ? "<f4" : array.type == ElementType::Int64 ? "<i8" : "|b1";
    std::string shape;
    for (const std::int64_t size : array.shape)
        shape += std::to_string(size) + ",";
    std::string header = std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
    while ((10 + header.size() + 1) % 64 != 0)
        header += ' ';
    header += '\n';
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size() & 255);
    bytes += static_cast<char>(header.size() >> 8);
    bytes += header;
    bytes.append(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
    return bytes;
}

using Archive = std::unique_ptr<zip_t, decltype([](zip_t* zip) { zip_discard(zip); })>;

} // namespace

Array readNpy(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        throw Error(file, "cannot be opened", "check the path");
    const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
    return NpyReader(file, bytes).read();
}

NamedArrays readNpz(const std::string& file) {
    if (!std::filesystem::exists(file))
        throw Error(file, "there is no such file", "check the path");
    int code = 0;
    const Archive archive(zip_open(file.c_str(), ZIP_RDONLY, &code));
    if (!archive)
        throw Error(file, "is not an .npz archive, or is cut off", "write it again with numpy.savez");
    NamedArrays result;
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive.get(), 0); ++i) {
        zip_stat_t stat;
        if (zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &stat) != 0 || stat.size > kMaxBytes)
            throw Error(file, "has an entry that cannot be read", "write it again with numpy.savez");
        std::string name = stat.name;
        const std::string where = file + ", " + name;
        std::string bytes;
        zip_file_t* entry = zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(i), 0);
        if (!entry)
            throw Error(where, "cannot be read", "write it again with numpy.savez");
        // In pieces: a hostile archive states sizes that it does not hold.
        std::vector<char> piece(1 << 20);
        zip_int64_t got = 0;
        while ((got = zip_fread(entry, piece.data(), piece.size())) > 0)
            bytes.append(piece.data(), static_cast<std::size_t>(got));
        zip_fclose(entry);
        if (got < 0 || bytes.size() != stat.size)
            throw Error(where, "is damaged", "write it again with numpy.savez");
        if (name.ends_with(".npy"))
            name.resize(name.size() - 4);
        result.items.emplace_back(name, NpyReader(where, bytes).read());
    }
    if (result.items.empty())
        throw Error(file, "holds no array", "write it again with numpy.savez");
    return result;
}

void writeNpz(const std::string& file, const NamedArrays& arrays) {
    const std::string part = file + ".part";
    std::filesystem::remove(part);
    int code = 0;
    Archive archive(zip_open(part.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
    if (!archive)
        throw Error(file, "cannot be written", "check the folder and its permissions");
    std::vector<std::string> bytes; // libzip reads them when it closes the archive
    bytes.reserve(arrays.items.size());
    for (const auto& [name, array] : arrays.items) {
        bytes.push_back(npyBytes(array));
        zip_source_t* source = zip_source_buffer(archive.get(), bytes.back().data(), bytes.back().size(), 0);
        const zip_int64_t index = zip_file_add(archive.get(), (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
        if (index < 0)
            throw Error(file, "cannot be written: " + std::string(zip_strerror(archive.get())), "free some space");
        zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
    }
    if (zip_close(archive.get()) != 0)
        throw Error(file, "cannot be written: " + std::string(zip_strerror(archive.get())), "free some space");
    archive.release();
    std::error_code error;
    std::filesystem::rename(part, file, error);
    if (error)
        throw Error(file, "cannot be written: " + error.message(), "check the folder and its permissions");
}

} // namespace fxp::quant
