#pragma once

#include <string_view>

namespace fxp {

/// The program's version, `0.1.0`: the CMake project's, which is the one place where it is written.
std::string_view programVersion();

} // namespace fxp
