#pragma once

#include <string>
#include <utility>
#include <vector>

namespace fxp::cli {

/// A file or folder by the option that names it.
using NamedFile = std::pair<std::string, std::string>;

/// Throws Error naming the option where an output is also an input, a file in a folder that is an input, or another
/// output: by device and inode, however the two are written, and by folder and name where it does not exist yet.
void refuseOwnInputs(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs);

} // namespace fxp::cli
