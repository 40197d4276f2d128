#include "quant/import/exported_archive.h"

#include "quant/core/error.h"
#include "quant/import/json_access.h"
#include "quant/import/tensor_bytes.h"
#include "quant/import/torch_pickle.h"
#include "quant/io/zip_archive.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

namespace fxp::quant {

namespace {

constexpr const char* kHint = "save the model again with torch.export.save";

/// One tensor of torch.save, or a dict of them, in an entry of the archive.
NamedTensors pickled(const ZipArchive& archive, const std::string& entry) {
    const FileBytes bytes = archive.read(entry);
    if (bytes.bytes().empty()) // nothing was to be saved
        return {};
    return readTorchPickle(ZipArchive(bytes.bytes(), archive.where() + ", " + entry));
}

std::vector<std::int64_t> integers(const JsonAccess& access, const Json& meta, const char* key) {
    std::vector<std::int64_t> numbers;
    for (const Json& item : access.list(meta, key))
        numbers.push_back(access.integer(access.member(item, "as_int")));
    return numbers;
}

/// The tensors that a list of payloads names: each a part of an entry, which several may share.
NamedTensors payloads(const ZipArchive& archive, const std::string& folder, const std::string& config) {
    const JsonAccess access{archive.where() + ", " + config};
    const Json json = parseJson(archive.read(config).text(), access.where);
    std::map<std::string, at::Tensor> storages;
    NamedTensors tensors;
    for (const auto& [name, payload] : access.member(json, "config").items()) {
        const JsonAccess place{access.where + ", " + name};
        const std::string entry = folder + place.text(payload, "path_name");
        if (!archive.has(entry))
            place.fail("has no data in the archive");
        const Json* isPickle = place.find(payload, "use_pickle");
        if (isPickle && place.flag(*isPickle)) {
            const NamedTensors own = pickled(archive, entry);
            if (own.size() != 1)
                place.fail("is not one tensor");
            tensors.emplace_back(name, own[0].second);
            continue;
        }
        const Json* meta = place.find(payload, "tensor_meta");
        if (!meta)
            throw Error(place.where, "is an object of its own, and not a tensor", "export the model without it");
        const std::int64_t number = place.integer(place.member(*meta, "dtype"));
        const auto type = exportedScalarType(number);
        if (!type)
            place.fail("has elements of type " + std::to_string(number) + ", which is not supported");
        const std::uint64_t bytes = archive.size(entry);
        at::Tensor& storage = storages[entry];
        if (!storage.defined()) {
            storage = newTensor(*type, static_cast<std::int64_t>(bytes / c10::elementSize(*type)), bytes, place.where);
            archive.read(entry, bytesOf(storage));
        }
        if (storage.scalar_type() != *type)
            place.fail("reads data of another type");
        tensors.emplace_back(name, viewOf(storage,
                                          place.integer(place.member(place.member(*meta, "storage_offset"), "as_int")),
                                          integers(place, *meta, "sizes"), integers(place, *meta, "strides"),
                                          tensorLimit(bytes), place.where));
    }
    return tensors;
}

Json programOf(const ZipArchive& archive, const std::string& entry) {
    return parseJson(archive.read(entry).text(), archive.where() + ", " + entry);
}

/// The layout of PyTorch up to 2.7.
ExportedArchive readFlat(const ZipArchive& archive, const std::string& entry) {
    ExportedArchive read;
    read.program = parseExportedProgram(programOf(archive, entry), archive.where() + ", " + entry);
    const auto part = [&](const char* name) {
        const std::string found = archive.find(name);
        return found.empty() ? NamedTensors() : pickled(archive, found);
    };
    read.weights = part("serialized_state_dict.pt");
    read.constants = part("serialized_constants.pt");
    if (archive.find("serialized_state_dict.pt").empty())
        throw Error(archive.where(), "has no weights", kHint);
    return read;
}

/// The layout since 2.8: `models/NAME.json`, and folders of weights and constants.
ExportedArchive readFolders(const ZipArchive& archive) {
    std::string model;
    for (const std::string& name : archive.names()) {
        const std::size_t folder = name.find("models/");
        const bool isModel = folder != std::string::npos && (folder == 0 || name[folder - 1] == '/') &&
                             name.ends_with(".json") && name.find('/', folder + 7) == std::string::npos;
        if (!isModel)
            continue;
        if (!model.empty())
            throw Error(archive.where(), "holds several models", "save each in a file of its own");
        model = name;
    }
    if (model.empty())
        throw Error(archive.where(), "is a compiled torch.export archive (AOTInductor) without its program",
                    "save the exported program with torch.export.save");
    const std::size_t folder = model.rfind("models/");
    const std::string root = model.substr(0, folder), name = model.substr(folder + 7, model.size() - folder - 12);
    const auto part = [&](const std::string& kind) {
        const std::string where = root + "data/" + kind + "/", config = where + name + "_" + kind + "_config.json";
        if (archive.has(where + name + ".pt"))
            return pickled(archive, where + name + ".pt");
        if (!archive.has(config))
            throw Error(archive.where(), "has no " + kind, kHint);
        return payloads(archive, where, config);
    };
    ExportedArchive read;
    read.program = parseExportedProgram(programOf(archive, model), archive.where() + ", " + model);
    read.weights = part("weights");
    read.constants = part("constants");
    return read;
}

} // namespace

ExportedArchive readExportedArchive(const std::string& file) {
    const ZipArchive archive(file);
    const std::string order = archive.find("byteorder");
    if (!order.empty() && archive.read(order).text() == "big")
        throw Error(file, "was written on a big-endian machine", kHint);
    const std::string flat = archive.find("serialized_exported_program.json");
    return flat.empty() ? readFolders(archive) : readFlat(archive, flat);
}

} // namespace fxp::quant
