#include "quant/import/loaded_code.h"

#include "quant/core/error.h"

#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace fxp::quant {

namespace {

/// The loader finds its sources without regard to case.
bool isSource(std::string name) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name.ends_with(".py");
}

} // namespace

void refuseLoadedCode(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& archive,
                      const std::string& file) {
    constexpr std::string_view kRuns = "__setstate__";
    caffe2::serialize::PyTorchStreamReader reader(archive);
    // The first releases' archives list their sources under names of any kind.
    const bool isLegacy = reader.hasRecord("model.json");
    for (const std::string& name : reader.getAllRecords()) {
        if (!isLegacy && !isSource(name))
            continue;
        const auto [data, size] = reader.getRecord(name);
        const std::string_view text(static_cast<const char*>(data.get()), size);
        if (text.find(kRuns) != std::string_view::npos)
            throw Error(file, "has code that runs while it is loaded (" + std::string(kRuns) + ")",
                        "export the model without it, or open it with a check: checkInChild()");
    }
}

} // namespace fxp::quant
