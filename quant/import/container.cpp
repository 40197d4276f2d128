#include "quant/import/container.h"

#include "quant/core/error.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>

namespace fxp::quant {

namespace {

struct CloseZip {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};

Container zipKind(const std::string& file) {
    int code = 0;
    const std::unique_ptr<zip_t, CloseZip> archive(zip_open(file.c_str(), ZIP_RDONLY, &code));
    if (!archive)
        return Container::Zip;
    bool script = false, exported = false, package = false, pickle = false, keras = false;
    for (zip_int64_t i = 0, count = zip_get_num_entries(archive.get(), 0); i < count; ++i) {
        const char* raw = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), 0);
        const std::string_view path = raw ? raw : "";
        const std::string_view name = path.substr(path.rfind('/') + 1);
        const std::string_view inside = path.substr(std::min(path.size(), path.find('/') + 1)); // below the root folder
        script = script || name == "constants.pkl";
        exported = exported || name == "serialized_exported_program.json" || name == "archive_format" ||
                   inside.starts_with("models/");
        package = package || inside == ".data/extern_modules" || inside == ".data/python_version";
        pickle = pickle || name == "data.pkl";
        keras = keras || path == "model.weights.h5";
    }
    if (script)
        return Container::TorchScript;
    if (package)
        return Container::TorchPackage;
    if (exported)
        return Container::ExportedProgram;
    if (keras)
        return Container::Keras;
    return pickle ? Container::StateDict : Container::Zip;
}

} // namespace

std::string_view nameOf(Container container) {
    switch (container) {
    case Container::TorchScript: return "TorchScript";
    case Container::ExportedProgram: return "torch.export";
    case Container::StateDict: return "state_dict";
    case Container::TorchPackage: return "torch.package";
    case Container::Zip: return "zip file";
    case Container::Safetensors: return "safetensors";
    case Container::Onnx: return "ONNX";
    case Container::Keras: return "Keras";
    case Container::Hdf5: return "HDF5";
    case Container::TfLite: return "TensorFlow Lite";
    case Container::Pickle: return "pickle";
    case Container::Unknown: break;
    }
    return "file of an unknown kind";
}

Container containerOf(const std::string& file) {
    std::error_code error;
    if (!std::filesystem::exists(file, error))
        throw Error(file, "there is no such file", "check the path");
    if (!std::filesystem::is_regular_file(file, error))
        throw Error(file, "is not a file", "give a model file");
    std::ifstream stream(file, std::ios::binary);
    std::array<char, 16> head{};
    stream.read(head.data(), head.size());
    const std::string_view bytes(head.data(), static_cast<std::size_t>(stream.gcount()));
    if (bytes.size() < 4)
        throw Error(file, "is empty or cannot be read", "give a model file");
    if (bytes.starts_with("PK"))
        return zipKind(file);
    if (bytes.starts_with("\x89HDF"))
        return Container::Hdf5;
    if (bytes.size() >= 8 && bytes.substr(4, 4) == "TFL3")
        return Container::TfLite;
    if (bytes.size() > 8 && bytes[8] == '{') {
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.data(), sizeof length);
        if (length < std::filesystem::file_size(file, error))
            return Container::Safetensors;
    }
    if (bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5)
        return Container::Pickle;
    // A ModelProto begins with its ir_version: field 1, a varint.
    if (bytes[0] == '\x08' && bytes[1] > 0 && bytes[1] < 32)
        return Container::Onnx;
    return Container::Unknown;
}

} // namespace fxp::quant
