#pragma once

#include <stdexcept>
#include <string>

namespace fxp {

/// Something the user can act on. `where` is a tensor path, a file and offset, or a JSON pointer;
/// `what` says what is wrong there; `hint` says what to do about it and may be empty.
struct Error : std::runtime_error {
    Error(std::string where, std::string what, std::string hint = {});

    std::string where;
    std::string problem;
    std::string hint;
};

/// A tensor whose shape does not fit the layer that takes it.
struct ShapeError : Error {
    using Error::Error;
};

} // namespace fxp
