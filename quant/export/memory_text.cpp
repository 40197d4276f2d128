#include "quant/export/memory_text.h"

#include "quant/core/error.h"
#include "quant/io/npy.h"

#include <span>

namespace fxp::quant {

namespace {

/// Bytes of the narrowest integer that holds the word.
int bytesOf(const QType& type) {
    return *type.totalBits <= 8 ? 1 : *type.totalBits <= 16 ? 2 : *type.totalBits <= 32 ? 4 : 8;
}

std::string mem(const MemoryWords& words, const QType& type) {
    std::string text;
    text.reserve(words.size() * static_cast<std::size_t>(hexDigits(type) + 1));
    for (const std::int64_t word : words)
        text += hexOf(word, type) + '\n'; // the last one too: verilator does not read a word without an end of line
    return text;
}

std::string mif(const MemoryWords& words, const QType& type) {
    std::string text = "WIDTH=" + std::to_string(*type.totalBits) + ";\nDEPTH=" + std::to_string(words.size()) +
                       ";\nADDRESS_RADIX=UNS;\nDATA_RADIX=HEX;\nCONTENT BEGIN\n";
    for (std::size_t i = 0; i < words.size(); ++i)
        text += std::to_string(i) + " : " + hexOf(words[i], type) + ";\n";
    return text + "END;\n";
}

std::string coe(const MemoryWords& words, const QType& type) {
    std::string text = "memory_initialization_radix=16;\nmemory_initialization_vector=\n";
    for (std::size_t i = 0; i < words.size(); ++i)
        text += hexOf(words[i], type) + (i + 1 < words.size() ? ",\n" : ";\n");
    return text;
}

std::string npy(const MemoryWords& words, const QType& type, const std::vector<std::int64_t>& shape) {
    const int bytes = bytesOf(type);
    const std::string prefix = bytes == 1 ? "|" : "<", letter = isSigned(type) ? "i" : "u";
    std::string text = npyHeader(prefix + letter + std::to_string(bytes), shape);
    for (const std::int64_t word : words) {
        for (int i = 0; i < bytes; ++i)
            text += static_cast<char>(static_cast<std::uint64_t>(word) >> (8 * i) & 255);
    }
    return text;
}

/// Reads a text line by line.
class Lines {
  public:
    Lines(std::string_view text, const std::string& where) : m_rest(text), m_where(where) {}

    bool atEnd() const { return m_rest.empty(); }
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(m_where + ", line " + std::to_string(m_number), what, "export it again");
    }
    /// Without its end, which must be there.
    std::string_view next() {
        ++m_number;
        const std::size_t end = m_rest.find('\n');
        if (end == std::string_view::npos)
            fail(m_rest.empty() ? "is missing" : "has no end of line");
        const std::string_view line = m_rest.substr(0, end);
        m_rest.remove_prefix(end + 1);
        return line;
    }
    void expect(std::string_view line) {
        if (next() != line)
            fail("is not \"" + std::string(line) + "\"");
    }
    std::int64_t word(std::string_view digits, const QType& type) const {
        const auto word = wordFromHex(digits, type);
        if (!word)
            fail("holds no word of " + std::to_string(*type.totalBits) + " bits");
        return *word;
    }

  private:
    std::string_view m_rest;
    const std::string& m_where;
    std::size_t m_number = 0;
};

MemoryWords readMem(Lines lines, const QType& type) {
    MemoryWords words;
    while (!lines.atEnd())
        words.push_back(lines.word(lines.next(), type));
    return words;
}

MemoryWords readMif(Lines lines, const QType& type) {
    lines.expect("WIDTH=" + std::to_string(*type.totalBits) + ";");
    const std::string depth(lines.next());
    lines.expect("ADDRESS_RADIX=UNS;");
    lines.expect("DATA_RADIX=HEX;");
    lines.expect("CONTENT BEGIN");
    MemoryWords words;
    for (std::string_view line = lines.next(); line != "END;"; line = lines.next()) {
        const std::string address = std::to_string(words.size()) + " : ";
        if (!line.starts_with(address) || !line.ends_with(';'))
            lines.fail("is not a word's");
        line.remove_prefix(address.size());
        line.remove_suffix(1);
        words.push_back(lines.word(line, type));
    }
    if (!lines.atEnd())
        lines.fail("is not the last");
    if (depth != "DEPTH=" + std::to_string(words.size()) + ";")
        lines.fail("ends another number of words than " + depth);
    return words;
}

MemoryWords readCoe(Lines lines, const QType& type) {
    lines.expect("memory_initialization_radix=16;");
    lines.expect("memory_initialization_vector=");
    MemoryWords words;
    for (bool last = false; !last;) {
        std::string_view line = lines.next();
        last = line.ends_with(';');
        if (!last && !line.ends_with(','))
            lines.fail("is not a word's");
        line.remove_suffix(1);
        words.push_back(lines.word(line, type));
    }
    if (!lines.atEnd())
        lines.fail("is not the last");
    return words;
}

MemoryWords readIntegers(std::string_view bytes, const std::vector<std::int64_t>& shape, const std::string& where) {
    const Array array = readNpy(std::as_bytes(std::span(bytes)), where);
    if (array.type != ElementType::Int64 || array.shape != shape)
        throw Error(where, "has another type or shape", "export it again");
    return {array.integers(), array.integers() + array.count()};
}

} // namespace

std::string memoryFile(MemoryKind kind, const MemoryWords& words, const QType& type,
                       const std::vector<std::int64_t>& shape) {
    switch (kind) {
    case MemoryKind::Mem: return mem(words, type);
    case MemoryKind::Mif: return mif(words, type);
    case MemoryKind::Coe: return coe(words, type);
    case MemoryKind::Npy: return npy(words, type, shape);
    case MemoryKind::CHeader: break; // c_header.h: one file for all tensors
    }
    return {};
}

MemoryWords readMemoryFile(MemoryKind kind, std::string_view bytes, const QType& type,
                           const std::vector<std::int64_t>& shape, const std::string& where) {
    switch (kind) {
    case MemoryKind::Mem: return readMem({bytes, where}, type);
    case MemoryKind::Mif: return readMif({bytes, where}, type);
    case MemoryKind::Coe: return readCoe({bytes, where}, type);
    case MemoryKind::Npy: return readIntegers(bytes, shape, where);
    case MemoryKind::CHeader: break;
    }
    return {};
}

} // namespace fxp::quant
