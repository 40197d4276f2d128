#include "quant/io/npy.h"

#include "quant/core/error.h"
#include "quant/io/elements.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace fxp::quant {

namespace {

constexpr std::size_t kMaxDims = 64;        // as NumPy and LibTorch have it
constexpr std::size_t kMaxHeader = 1 << 20; // NumPy writes some hundred bytes

[[noreturn]] void fail(const std::string& where, const std::string& what) {
    throw Error(where, what, "write it again with numpy.save or numpy.savez");
}

/// The content of a header.
struct Header {
    std::string type;
    std::optional<bool> fortran;
    std::optional<std::vector<std::int64_t>> shape;
};

/// Reads the header's Python literal, a dictionary of strings, truth values and tuples of integers, from front to back.
class HeaderReader {
  public:
    HeaderReader(std::string_view text, const std::string& where) : m_rest(text), m_where(where) {}

    Header read() {
        Header header;
        bool typed = false;
        expect('{');
        while (!next('}')) {
            const std::string_view key = quoted();
            expect(':');
            if (key == "descr" && !typed) {
                header.type = next('[', false) ? "a structure" : std::string(quoted());
                if (header.type == "a structure")
                    fail(m_where, "has elements of several fields each, which is not supported");
                typed = true;
            } else if (key == "fortran_order" && !header.fortran) {
                header.fortran = truth();
            } else if (key == "shape" && !header.shape) {
                header.shape = tuple();
            } else {
                unreadable();
            }
            if (!next(',') && !next('}', false))
                unreadable();
        }
        skipSpaces();
        if (!m_rest.empty() || !typed || !header.fortran || !header.shape)
            unreadable();
        return header;
    }

  private:
    [[noreturn]] void unreadable() const { fail(m_where, "has a header that cannot be read"); }

    void skipSpaces() {
        const std::size_t first = m_rest.find_first_not_of(" \t\r\n");
        m_rest.remove_prefix(std::min(first, m_rest.size()));
    }

    bool next(char c, bool take = true) {
        skipSpaces();
        if (!m_rest.starts_with(c))
            return false;
        m_rest.remove_prefix(take ? 1 : 0);
        return true;
    }

    void expect(char c) {
        if (!next(c))
            unreadable();
    }

    std::string_view quoted() {
        skipSpaces();
        const char quote = m_rest.empty() ? '\0' : m_rest.front();
        const std::size_t end = quote == '\'' || quote == '"' ? m_rest.find(quote, 1) : std::string_view::npos;
        if (end == std::string_view::npos)
            unreadable();
        const std::string_view text = m_rest.substr(1, end - 1);
        m_rest.remove_prefix(end + 1);
        return text;
    }

    bool truth() {
        skipSpaces();
        for (const auto& [word, value] : {std::pair{std::string_view("True"), true}, {"False", false}}) {
            if (m_rest.starts_with(word)) {
                m_rest.remove_prefix(word.size());
                return value;
            }
        }
        unreadable();
    }

    std::vector<std::int64_t> tuple() {
        std::vector<std::int64_t> values;
        expect('(');
        while (!next(')')) {
            std::int64_t value = 0;
            const auto [end, code] = std::from_chars(m_rest.data(), m_rest.data() + m_rest.size(), value);
            if (code != std::errc() || value < 0 || values.size() == kMaxDims)
                fail(m_where, "has an impossible shape");
            m_rest.remove_prefix(static_cast<std::size_t>(end - m_rest.data()));
            next('L'); // Python 2 wrote 3L
            values.push_back(value);
            if (!next(',') && !next(')', false))
                unreadable();
        }
        return values;
    }

    std::string_view m_rest;
    const std::string& m_where;
};

void toRowMajor(Array& array) {
    const std::size_t dims = array.shape.size(), size = array.elementSize(), count = array.bytes.size() / size;
    // The distance, in elements, between neighbours along each dimension, in the order of the file.
    std::vector<std::size_t> step(dims, 1);
    for (std::size_t d = 1; d < dims; ++d)
        step[d] = step[d - 1] * static_cast<std::size_t>(array.shape[d - 1]);
    std::vector<std::byte> out(array.bytes.size());
    std::vector<std::int64_t> index(dims, 0);
    std::size_t from = 0;
    for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(out.data() + i * size, array.bytes.data() + from * size, size);
        for (std::size_t d = dims; d-- > 0;) {
            from += step[d];
            if (++index[d] < array.shape[d])
                break;
            from -= step[d] * static_cast<std::size_t>(index[d]);
            index[d] = 0;
        }
    }
    array.bytes = std::move(out);
}

} // namespace

Array readNpy(std::span<const std::byte> bytes, const std::string& where) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto byteAt = [&](std::size_t i) { return std::to_integer<std::size_t>(bytes[i]); };
    if (text.size() < 10 || !text.starts_with("\x93NUMPY"))
        fail(where, "is not a NumPy array");
    const std::size_t version = byteAt(6);
    if (version < 1 || version > 3)
        fail(where, "is of version " + std::to_string(version) + " of the format, which is not known");
    const std::size_t begin = version == 1 ? 10 : 12;
    if (text.size() < begin)
        fail(where, "is cut off in its header");
    std::size_t length = byteAt(8) | byteAt(9) << 8;
    if (version > 1)
        length |= byteAt(10) << 16 | byteAt(11) << 24;
    if (length > kMaxHeader)
        fail(where, "has a header too long to be real");
    if (text.size() - begin < length)
        fail(where, "is cut off in its header");

    Header header = HeaderReader(text.substr(begin, length), where).read();
    const std::string key = header.type.size() == 3 ? header.type.substr(1) : std::string();
    const std::size_t size = elementBytes(key);
    const char order = size > 0 ? header.type.front() : '\0';
    if (order != '<' && order != '|' && order != '=')
        fail(where, "has elements of type " + header.type.substr(0, 40) + ", which is not supported");
    const auto data = bytes.subspan(begin + length);
    const auto count = elementCount(*header.shape, data.size() / size);
    if (!count)
        fail(where, "is cut off, or has a shape too large to be real");
    if (data.size() != *count * size)
        fail(where, "has " + std::to_string(data.size() - *count * size) + " bytes after its elements");
    Array array;
    array.shape = std::move(*header.shape);
    decodeElements(key, data, where, array);
    if (*header.fortran && array.shape.size() > 1)
        toRowMajor(array);
    return array;
}

std::string npyHeader(const Array& array) {
    const char* type = array.type == ElementType::Float32 ? "<f4" : array.type == ElementType::Int64 ? "<i8" : "|b1";
    return npyHeader(type, array.shape);
}

std::string npyHeader(const std::string& type, const std::vector<std::int64_t>& shape) {
    std::string sizes;
    for (const std::int64_t size : shape)
        sizes += std::to_string(size) + ",";
    std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + sizes + "), }";
    while ((10 + header.size() + 1) % 64 != 0)
        header += ' ';
    header += '\n';
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size() & 255);
    bytes += static_cast<char>(header.size() >> 8);
    return bytes + header;
}

} // namespace fxp::quant
