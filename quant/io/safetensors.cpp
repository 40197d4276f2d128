#include "quant/io/safetensors.h"

#include "quant/core/error.h"
#include "quant/io/elements.h"

#include <nlohmann/json.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

namespace fxp::quant {

namespace {

using Json = nlohmann::ordered_json;

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

Array readTensor(const std::string& file, const std::string& name, const Json& entry, const std::string& bytes,
                 std::size_t begin) {
    const std::string where = file + ", " + name;
    try {
        const std::string type = entry.at("dtype");
        const auto known = types().find(type);
        if (known == types().end())
            fail(where, "has elements of type " + type + ", which is not supported");
        Array array;
        std::size_t count = 1;
        for (const Json& size : entry.at("shape")) {
            const auto length = size.get<std::int64_t>();
            if (length < 0 || (length > 0 && count > bytes.size() / static_cast<std::size_t>(length)))
                fail(where, "has a shape larger than the file");
            array.shape.push_back(length);
            count *= static_cast<std::size_t>(length);
        }
        const auto from = entry.at("data_offsets").at(0).get<std::uint64_t>();
        const auto to = entry.at("data_offsets").at(1).get<std::uint64_t>();
        const std::uint64_t available = bytes.size() - begin;
        if (from > to || to > available || to - from != count * elementBytes(known->second))
            fail(where, "has offsets that do not fit its shape or the file");
        decodeElements(known->second, bytes.data() + begin + from, count, array);
        return array;
    } catch (const Json::exception&) {
        fail(where, "has a header that cannot be read");
    }
}

} // namespace

NamedArrays readSafetensors(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        throw Error(file, "cannot be opened", "check the path");
    const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
    std::uint64_t length = 0;
    if (bytes.size() < sizeof length)
        fail(file, "is no safetensors file");
    std::memcpy(&length, bytes.data(), sizeof length);
    if (length > bytes.size() - sizeof length)
        fail(file, "is no safetensors file, or is cut off");
    const Json header =
        Json::parse(bytes.begin() + sizeof length, bytes.begin() + static_cast<std::ptrdiff_t>(sizeof length + length),
                    nullptr, false);
    if (!header.is_object())
        fail(file, "has a header that cannot be read");
    NamedArrays result;
    for (const auto& [name, entry] : header.items()) {
        if (name != "__metadata__")
            result.items.emplace_back(name, readTensor(file, name, entry, bytes, sizeof length + length));
    }
    return result;
}

void writeSafetensors(const std::string& file, const NamedArrays& arrays) {
    Json header = Json::object();
    std::uint64_t offset = 0;
    for (const auto& [name, array] : arrays.items) {
        const char* type = array.type == ElementType::Float32 ? "F32"
                           : array.type == ElementType::Int64 ? "I64"
                                                              : "BOOL";
        header[name] = {
            {"dtype", type}, {"shape", array.shape}, {"data_offsets", {offset, offset + array.bytes.size()}}};
        offset += array.bytes.size();
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' '); // the data begin at a multiple of eight
    const std::uint64_t length = text.size();
    const std::string part = file + ".part";
    {
        std::ofstream out(part, std::ios::binary);
        out.write(reinterpret_cast<const char*>(&length), sizeof length);
        out.write(text.data(), static_cast<std::streamsize>(text.size()));
        for (const auto& [name, array] : arrays.items)
            out.write(reinterpret_cast<const char*>(array.bytes.data()),
                      static_cast<std::streamsize>(array.bytes.size()));
        out.close();
        if (!out)
            throw Error(file, "cannot be written", "check the folder and its permissions");
    }
    std::error_code error;
    std::filesystem::rename(part, file, error);
    if (error)
        throw Error(file, "cannot be written: " + error.message(), "check the folder and its permissions");
}

} // namespace fxp::quant
