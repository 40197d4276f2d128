#include "quant/export/identifiers.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace fxp::quant {

namespace {

// Whatever the locale is.
bool isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

std::string small(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return result;
}

/// Names that begin with a letter and hold no two underscores in a row are not reserved in C++.
std::string plainName(std::string_view path) {
    std::string name;
    for (const char c : path) {
        if (isLetter(c) || isDigit(c))
            name += c;
        else if (!name.empty() && name.back() != '_')
            name += '_';
    }
    while (name.ends_with('_'))
        name.pop_back();
    if (name.empty() || !isLetter(name.front()))
        name.insert(0, name.empty() ? "t" : "t_");
    return name;
}

/// FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/
std::string hashOf(std::string_view text) {
    std::uint32_t hash = 2166136261u;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    std::string digits;
    for (int shift = 28; shift >= 0; shift -= 4)
        digits += "0123456789abcdef"[(hash >> shift) & 15];
    return digits;
}

/// One-word names that mean something to a compiler, a simulator, or a file system; names of two words are not among
/// them, for `_` stands between.
bool isReserved(std::string_view name) {
    static const std::unordered_set<std::string_view> kWords{
        // C and C++
        "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch",
        "char", "char8_t", "char16_t", "char32_t", "class", "co_await", "co_return", "co_yield", "compl", "concept",
        "const", "const_cast", "consteval", "constexpr", "constinit", "continue", "decltype", "default", "delete", "do",
        "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend",
        "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr",
        "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "requires",
        "restrict", "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast", "struct", "switch",
        "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "typeof", "union",
        "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq", "main", "errno",
        "linux", "unix", "std",
        // Verilog and SystemVerilog, as far as they are other words
        "always", "assign", "begin", "buf", "bit", "byte", "cell", "config", "cover", "disable", "edge", "end", "event",
        "final", "force", "fork", "function", "generate", "genvar", "initial", "inout", "input", "inside", "integer",
        "interface", "join", "library", "logic", "medium", "module", "nand", "negedge", "nor", "output", "package",
        "parameter", "posedge", "primitive", "program", "property", "pure", "rand", "real", "realtime", "ref", "reg",
        "release", "repeat", "rnmos", "scalared", "sequence", "small", "large", "solve", "specify", "string", "strong",
        "supply0", "supply1", "super", "table", "task", "time", "tri", "type", "var", "vectored", "wait", "wand",
        "weak", "wire", "with", "within", "wor", "xnor",
        // Files of the export itself, and devices of Windows
        "weights", "golden", "types", "memory", "qconfig", "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4",
        "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9"};
    return kWords.contains(name);
}

constexpr std::array<std::string_view, 7> kEndings{"",       "_t",     "_total_bits", "_fraction_bits",
                                                   "_count", "_scale", "_zero_point"};

} // namespace

bool Identifiers::claim(const std::string& name) {
    const std::string key = small(name);
    if (isReserved(key))
        return false;
    for (const std::string_view ending : kEndings) {
        if (m_taken.contains(key + std::string(ending)))
            return false;
    }
    for (const std::string_view ending : kEndings)
        m_taken.insert(key + std::string(ending));
    return true;
}

std::string Identifiers::add(std::string_view path) {
    std::string name = plainName(path);
    if (name.size() > kLongest) {
        name.resize(kLongest - 9);
        while (name.ends_with('_'))
            name.pop_back();
        name += '_' + hashOf(path);
    }
    if (claim(name))
        return name;
    for (std::int64_t number = 2;; ++number) {
        const std::string other = name + '_' + std::to_string(number);
        if (claim(other))
            return other;
    }
}

} // namespace fxp::quant
