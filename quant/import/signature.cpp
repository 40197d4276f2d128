#include "quant/import/signature.h"

#include "quant/core/error.h"
#include "quant/import/open_network.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

namespace fxp::quant {

namespace {

using Archive = std::unique_ptr<zip_t, decltype([](zip_t* zip) { zip_discard(zip); })>;
using Member = std::unique_ptr<zip_file_t, decltype([](zip_file_t* file) { zip_fclose(file); })>;

/// The text of the member `version` below the archive's root folder; empty where there is none.
std::string archiveVersion(const std::string& file) {
    const Archive archive(zip_open(file.c_str(), ZIP_RDONLY, nullptr));
    if (!archive)
        return {};
    for (zip_int64_t i = 0, count = zip_get_num_entries(archive.get(), 0); i < count; ++i) {
        const auto index = static_cast<zip_uint64_t>(i);
        const char* raw = zip_get_name(archive.get(), index, 0);
        const std::string_view path = raw ? raw : "";
        if (!path.ends_with("/version") || std::ranges::count(path, '/') != 1)
            continue;
        const Member member(zip_fopen_index(archive.get(), index, 0));
        std::array<char, 16> text{};
        const zip_int64_t got = member ? zip_fread(member.get(), text.data(), text.size()) : 0;
        const auto end = std::find_if(text.begin(), text.begin() + std::max<zip_int64_t>(got, 0),
                                      [](char c) { return c < '0' || c > '9'; });
        return {text.begin(), end};
    }
    return {};
}

} // namespace

ModelSignature readSignature(const std::string& file, const StopRequest& stop, const FileCheck& check) {
    stopHere(stop);
    ModelSignature signature;
    signature.container = containerOf(file);
    std::error_code error;
    signature.fileBytes = static_cast<std::int64_t>(std::filesystem::file_size(file, error));
    try {
        const std::unique_ptr<Network> network = openNetwork(file, stop, check);
        stopHere(stop);
        signature.version = archiveVersion(file);
        signature.inputs = network->arguments();
        signature.outputs = network->results();
        for (const ModuleInfo& module : network->modules())
            signature.parameters += module.parameters;
        signature.modules = static_cast<std::int64_t>(network->modules().size()) - 1;
        signature.weightsOnly = network->isWeightsOnly();
    } catch (const Error& refused) {
        signature.problem = refused.problem;
        signature.hint = refused.hint;
    }
    return signature;
}

} // namespace fxp::quant
