#include "quant/import/onnx/tensor_reader.h"

#include "quant/core/error.h"
#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fxp::quant::onnx_import {

namespace {

using Proto = ::onnx::TensorProto;
namespace fs = std::filesystem;

[[noreturn]] void fail(const Proto& proto, const std::string& what,
                       const std::string& hint = "get another copy of it") {
    throw Error(proto.name().empty() ? "a constant" : proto.name(), what, hint);
}

/// The elements; never more than an int64 of bytes can count.
std::int64_t countOf(const Proto& proto) {
    std::int64_t count = 1;
    for (const std::int64_t size : proto.dims()) {
        if (size < 0 || __builtin_mul_overflow(count, size, &count) ||
            count > std::numeric_limits<std::int64_t>::max() / 16)
            fail(proto, "has an impossible shape");
    }
    return count;
}

std::size_t bytesPerElement(std::int32_t type) {
    switch (type) {
    case Proto::BOOL:
    case Proto::UINT8:
    case Proto::INT8: return 1;
    case Proto::UINT16:
    case Proto::INT16:
    case Proto::FLOAT16:
    case Proto::BFLOAT16: return 2;
    case Proto::FLOAT:
    case Proto::INT32:
    case Proto::UINT32: return 4;
    default: return 8;
    }
}

bool isHeldAsItIs(std::int32_t type) {
    return type == Proto::FLOAT || type == Proto::INT64 || type == Proto::INT32;
}

std::uint64_t numberOf(const Proto& proto, const std::string& text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
        fail(proto, "says where its external data lies in a way that cannot be read");
    return number;
}

/// Part of a file in memory; what is written to it stays there.
std::shared_ptr<char> mapped(const Proto& proto, const std::string& file, std::uint64_t offset, std::uint64_t bytes) {
    if (bytes == 0)
        return {};
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const std::uint64_t before = offset % page;
    const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info {};
    void* memory = MAP_FAILED;
    // The file may have been changed since it was looked at.
    if (descriptor >= 0 && fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode) &&
        static_cast<std::uint64_t>(info.st_size) >= offset + bytes)
        memory = mmap(nullptr, bytes + before, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor,
                      static_cast<off_t>(offset - before));
    if (descriptor >= 0)
        close(descriptor);
    if (memory == MAP_FAILED)
        fail(proto, "has its data in a file that cannot be read", "check the file beside the model");
    const std::size_t length = bytes + before;
    return {static_cast<char*>(memory) + before, [memory, length](char*) { munmap(memory, length); }};
}

/// The bytes of a tensor that lies in a file beside the model.
std::shared_ptr<char> externalBytes(const Proto& proto, const std::string& folder, std::uint64_t bytes) {
    std::string location;
    std::uint64_t offset = 0, length = bytes;
    for (const auto& entry : proto.external_data()) {
        if (entry.key() == "location")
            location = entry.value();
        else if (entry.key() == "offset")
            offset = numberOf(proto, entry.value());
        else if (entry.key() == "length")
            length = numberOf(proto, entry.value());
    }
    const fs::path path(location);
    bool outside = location.empty() || folder.empty() || path.is_absolute() || path.has_root_name() ||
                   location.find('\0') != std::string::npos;
    for (const fs::path& part : path)
        outside = outside || part == "..";
    std::error_code error;
    const fs::path file = fs::path(folder) / path;
    if (!outside && fs::exists(file, error)) {
        // A link may lead out of the folder as well as dots do.
        const fs::path real = fs::canonical(file, error), root = fs::canonical(folder, error);
        const auto [in, rest] = std::mismatch(root.begin(), root.end(), real.begin(), real.end());
        outside = in != root.end();
    }
    if (outside)
        fail(proto, "has its data outside the model's folder", "put the data file beside the model");
    if (!fs::is_regular_file(file, error))
        fail(proto, "has its data in " + location + ", which is not there", "put that file beside the model");
    const std::uint64_t size = fs::file_size(file, error);
    if (error || length != bytes || offset > size || size - offset < length)
        fail(proto, "has its data in " + location + ", which does not have its " + std::to_string(bytes) + " bytes");
    return mapped(proto, fs::canonical(file, error).string(), offset, bytes);
}

/// Memory of that many elements as a tensor of its own.
at::Tensor fromBytes(const Proto& proto, const char* bytes) {
    const std::vector<std::int64_t> shape(proto.dims().begin(), proto.dims().end());
    const auto copied = [&](at::ScalarType type) {
        at::Tensor tensor = at::empty(shape, type);
        if (tensor.numel() > 0)
            std::memcpy(tensor.data_ptr(), bytes, static_cast<std::size_t>(tensor.nbytes()));
        return tensor;
    };
    switch (proto.data_type()) {
    case Proto::FLOAT16: return copied(at::kHalf).to(at::kFloat);
    case Proto::BFLOAT16: return copied(at::kBFloat16).to(at::kFloat);
    case Proto::DOUBLE: {
        const at::Tensor wide = copied(at::kDouble), narrow = wide.to(at::kFloat);
        if (!at::equal(wide.isinf(), narrow.isinf()))
            fail(proto, "has values beyond those of float32", "export the model in float32");
        return narrow;
    }
    case Proto::UINT16: return copied(at::kShort).to(at::kInt).bitwise_and(0xFFFF);
    case Proto::UINT32: return copied(at::kInt).to(at::kLong).bitwise_and(std::int64_t{0xFFFFFFFF});
    case Proto::BOOL: return copied(at::kByte).ne(0);
    default: return copied(storageOf(proto.data_type()));
    }
}

/// The typed fields, in a tensor of `type`, which holds what the field can.
template <class Field> at::Tensor fromField(const Proto& proto, const Field& field, at::ScalarType type) {
    const std::vector<std::int64_t> shape(proto.dims().begin(), proto.dims().end());
    if (countOf(proto) != field.size())
        fail(proto,
             "has " + std::to_string(field.size()) + " values for its shape of " + std::to_string(countOf(proto)));
    at::Tensor tensor = at::empty(shape, type);
    if (!field.empty())
        std::memcpy(tensor.data_ptr(), field.data(), static_cast<std::size_t>(tensor.nbytes()));
    return tensor;
}

at::Tensor fromFields(const Proto& proto) {
    switch (proto.data_type()) {
    case Proto::FLOAT: return fromField(proto, proto.float_data(), at::kFloat);
    case Proto::DOUBLE: {
        const at::Tensor wide = fromField(proto, proto.double_data(), at::kDouble);
        return fromBytes(proto, static_cast<const char*>(wide.data_ptr()));
    }
    case Proto::INT64: return fromField(proto, proto.int64_data(), at::kLong);
    case Proto::UINT32:
    case Proto::UINT64: return fromField(proto, proto.uint64_data(), at::kLong);
    case Proto::FLOAT16:
    case Proto::BFLOAT16: {
        const at::Tensor bits = fromField(proto, proto.int32_data(), at::kInt).to(at::kShort);
        return fromBytes(proto, static_cast<const char*>(bits.data_ptr()));
    }
    case Proto::BOOL: return fromField(proto, proto.int32_data(), at::kInt).ne(0);
    default: return fromField(proto, proto.int32_data(), at::kInt).to(storageOf(proto.data_type()));
    }
}

} // namespace

at::Tensor readTensor(const Proto& proto, const std::string& folder) {
    try {
        storageOf(proto.data_type());
    } catch (const Error& error) {
        fail(proto, error.problem, error.hint);
    }
    if (proto.has_segment())
        fail(proto, "is stored in segments, which no runtime reads", "export the model anew");
    const auto bytes = static_cast<std::uint64_t>(countOf(proto)) * bytesPerElement(proto.data_type());
    if (proto.data_location() == Proto::EXTERNAL) {
        const std::shared_ptr<char> data = externalBytes(proto, folder, bytes);
        const bool isAligned = reinterpret_cast<std::uintptr_t>(data.get()) % sizeof(std::int64_t) == 0;
        if (bytes == 0 || !isAligned || !isHeldAsItIs(proto.data_type()))
            return fromBytes(proto, data.get());
        const std::vector<std::int64_t> shape(proto.dims().begin(), proto.dims().end());
        return at::from_blob(
            data.get(), shape, [data](void*) {}, storageOf(proto.data_type()));
    }
    if (!proto.has_raw_data())
        return fromFields(proto);
    if (proto.raw_data().size() != bytes)
        fail(proto, "has " + std::to_string(proto.raw_data().size()) + " bytes where its shape needs " +
                        std::to_string(bytes));
    return fromBytes(proto, proto.raw_data().data());
}

} // namespace fxp::quant::onnx_import
