#include "app/cli/own_inputs.h"

#include "quant/core/error.h"

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <tuple>

namespace fxp::cli {

namespace {

namespace fs = std::filesystem;

/// Device and inode of the file; of its folder, and its name there, where it does not exist.
using Identity = std::tuple<dev_t, ino_t, std::string>;

std::optional<Identity> existing(const fs::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        return std::nullopt;
    return Identity{status.st_dev, status.st_ino, {}};
}

/// Absent where not even its folder exists: it cannot be written.
std::optional<Identity> identityOf(const std::string& file) {
    if (const auto found = existing(file))
        return found;
    fs::path path = file;
    std::error_code code;
    for (int links = 0; fs::is_symlink(path, code) && links < 40; ++links) { // a link to what does not exist yet
        const fs::path next = fs::read_symlink(path, code);
        path = next.is_absolute() ? next : path.parent_path() / next;
    }
    auto folder = existing(path.has_parent_path() ? path.parent_path() : fs::path("."));
    if (folder)
        std::get<2>(*folder) = path.filename().string();
    return folder;
}

} // namespace

void refuseOwnInputs(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs) {
    std::map<Identity, std::string> taken;
    for (const auto& [option, path] : inputs) {
        if (const auto identity = identityOf(path))
            taken.try_emplace(*identity, option);
        std::error_code code;
        if (!fs::is_directory(path, code))
            continue;
        for (const auto& entry : fs::directory_iterator(path, code)) {
            if (const auto identity = existing(entry.path()))
                taken.try_emplace(*identity, option);
        }
    }
    for (const auto& [option, path] : outputs) {
        const auto identity = identityOf(path);
        if (!identity)
            continue;
        const auto [place, isNew] = taken.try_emplace(*identity, option);
        if (!isNew)
            throw Error(option, path + " is also the file of " + place->second + ", and would be lost",
                        "give another name");
    }
}

} // namespace fxp::cli
