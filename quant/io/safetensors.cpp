#include "quant/io/safetensors.h"

#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/io/atomic_file.h"
#include "quant/io/elements.h"
#include "quant/io/json.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <string_view>
#include <vector>

namespace fxp::quant {

namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000; // the format's own limit

/// The format's type names, and NumPy's.
const std::map<std::string, std::string>& types() {
    static const std::map<std::string, std::string> kTypes{
        {"F16", "f2"}, {"BF16", "bf2"}, {"F32", "f4"}, {"F64", "f8"}, {"I8", "i1"},  {"I16", "i2"}, {"I32", "i4"},
        {"I64", "i8"}, {"U8", "u1"},    {"U16", "u2"}, {"U32", "u4"}, {"U64", "u8"}, {"BOOL", "b1"}};
    return kTypes;
}

[[noreturn]] void fail(const std::string& file, const std::string& what) {
    throw Error(file, what, "write it again with safetensors' save_file");
}

/// One tensor's entry of the header, checked against the data's size.
struct Entry {
    std::string name, type;
    std::vector<std::int64_t> shape;
    std::size_t begin = 0, end = 0;
};

std::vector<std::int64_t> sizes(const Json& entry, const char* key, const std::string& where) {
    const auto list = entry.find(key);
    if (list == entry.end() || !list->is_array())
        fail(where, std::string("has no list of ") + key);
    std::vector<std::int64_t> values;
    for (const Json& item : *list) {
        const auto value = wholeNumber(item);
        if (!value || *value < 0)
            fail(where, "has " + item.dump().substr(0, 40) + " among its " + key);
        values.push_back(*value);
    }
    return values;
}

Entry entryOf(const std::string& name, const Json& json, std::size_t available, const std::string& where) {
    if (!json.is_object())
        fail(where, "has an entry that is not an object");
    Entry entry;
    entry.name = name;
    const auto type = json.find("dtype");
    const auto known = type != json.end() && type->is_string() ? types().find(type->get<std::string>()) : types().end();
    if (known == types().end())
        fail(where, "has elements of type " + (type == json.end() ? "none" : type->dump().substr(0, 40)) +
                        ", which is not supported");
    entry.type = known->second;
    entry.shape = sizes(json, "shape", where);
    const auto offsets = sizes(json, "data_offsets", where);
    const std::size_t bytes = elementBytes(entry.type);
    const auto count = elementCount(entry.shape, available / bytes);
    if (!count)
        fail(where, "has a shape larger than the file");
    if (offsets.size() != 2 || static_cast<std::size_t>(offsets[0]) > available ||
        static_cast<std::size_t>(offsets[1]) > available || offsets[0] > offsets[1] ||
        static_cast<std::size_t>(offsets[1] - offsets[0]) != *count * bytes)
        fail(where, "has offsets that do not fit its shape or the file");
    entry.begin = static_cast<std::size_t>(offsets[0]);
    entry.end = static_cast<std::size_t>(offsets[1]);
    return entry;
}

/// Checks that the tensors fill the data one after another, in whatever order the header names them.
void checkLayout(const std::vector<Entry>& entries, std::size_t available, const std::string& file) {
    std::vector<const Entry*> order;
    for (const Entry& entry : entries)
        order.push_back(&entry);
    std::ranges::sort(order, [](const Entry* a, const Entry* b) {
        return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
    });
    std::size_t at = 0;
    for (const Entry* entry : order) {
        if (entry->begin != at)
            fail(file + ", " + entry->name,
                 entry->begin < at ? "overlaps another tensor" : "has bytes of no tensor before it");
        at = entry->end;
    }
    if (at != available)
        fail(file, "has " + std::to_string(available - at) + " bytes after its last tensor");
}

/// A part of the file, which lies within its size. What it gives is valid until the next call.
using Fetch = std::function<std::span<const std::byte>(std::uint64_t position, std::size_t count)>;

NamedArrays readParts(std::uint64_t size, const Fetch& fetch, const std::string& where) {
    std::uint64_t length = 0;
    if (size < sizeof length)
        fail(where, "is not a safetensors file");
    std::memcpy(&length, fetch(0, sizeof length).data(), sizeof length);
    if (length > std::min<std::uint64_t>(kMaxHeader, size - sizeof length))
        fail(where, "is not a safetensors file, or is cut off");
    const std::uint64_t begin = sizeof length + length;
    const auto available = static_cast<std::size_t>(size - begin);
    const auto text = fetch(sizeof length, static_cast<std::size_t>(length));
    const Json header = parseJson({reinterpret_cast<const char*>(text.data()), text.size()}, where + ", header");
    if (!header.is_object())
        fail(where, "has a header that is not an object");
    std::vector<Entry> entries;
    for (const auto& [name, json] : header.items()) {
        if (name != "__metadata__")
            entries.push_back(entryOf(name, json, available, where + ", " + name));
    }
    checkLayout(entries, available, where);
    NamedArrays result;
    for (Entry& entry : entries) {
        Array array;
        array.shape = std::move(entry.shape);
        decodeElements(entry.type, fetch(begin + entry.begin, entry.end - entry.begin), where + ", " + entry.name,
                       array);
        result.items.emplace_back(std::move(entry.name), std::move(array));
    }
    return result;
}

} // namespace

/// Reads one tensor after another: the file and its tensors are not in memory at once.
NamedArrays readSafetensors(const std::string& file) {
    const RegularFile source(file);
    std::vector<std::byte> part;
    const auto fetch = [&](std::uint64_t position, std::size_t count) {
        part.resize(count);
        if (source.readAt(position, part) != count)
            fail(file, "became shorter while it was read");
        return std::span<const std::byte>(part);
    };
    return readParts(source.size(), fetch, file);
}

NamedArrays readSafetensors(std::span<const std::byte> bytes, const std::string& where) {
    const auto fetch = [bytes](std::uint64_t position, std::size_t count) {
        return bytes.subspan(static_cast<std::size_t>(position), count);
    };
    return readParts(bytes.size(), fetch, where);
}

void writeSafetensors(const std::string& file, const NamedArrays& arrays) {
    JsonMembers header;
    std::uint64_t offset = 0;
    std::vector<std::string_view> pieces(2);
    for (const auto& [name, array] : arrays.items) {
        const char* type = array.type == ElementType::Float32 ? "F32"
                           : array.type == ElementType::Int64 ? "I64"
                                                              : "BOOL";
        Json entry{{"dtype", type}, {"shape", array.shape}, {"data_offsets", {offset, offset + array.bytes.size()}}};
        if (!header.add(name, std::move(entry)))
            throw Error(file, "two tensors are named " + name, "give each a name of its own");
        offset += array.bytes.size();
        pieces.emplace_back(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
    }
    std::string text = header.take().dump();
    text.resize((text.size() + 7) / 8 * 8, ' '); // the data begin at a multiple of eight
    const std::uint64_t length = text.size();
    pieces[0] = {reinterpret_cast<const char*>(&length), sizeof length};
    pieces[1] = text;
    writeFileAtomically(file, pieces);
}

} // namespace fxp::quant
