#pragma once

#include "quant/export/memory_export.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace fxp::quant {

// Names in an export's folder.
inline constexpr const char* kGoldenFolder = "golden/";
inline constexpr const char* kWeightsHeader = "weights.h";
inline constexpr const char* kGoldenHeader = "golden.h";
inline constexpr const char* kTypesHeader = "types.h";
inline constexpr const char* kQConfigCopy = "qconfig.json";
inline constexpr const char* kSidecar = "memory.json";

/// Writes a file atomically, reads it again, and passes what was read to `check`, which throws Error where it is not
/// what was meant.
void writeAndCheck(const std::string& path, std::string_view bytes, const std::function<void(std::string_view)>& check);

/// The sidecar: resources/schemas/memory.schema.json. `qconfigSha256`: of the file kQConfigCopy.
nlohmann::ordered_json sidecar(const MemoryContent& content, const std::string& qconfigSha256);

} // namespace fxp::quant
