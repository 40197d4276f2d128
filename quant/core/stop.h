#pragma once

#include <functional>

namespace fxp::quant {

/// Called again and again by operations that take long; true ends them. May be empty.
using StopRequest = std::function<bool()>;

/// Thrown by an operation that a StopRequest ended and that has no other way to say so. It is not an Error, because
/// nothing went wrong.
struct Stopped {};

/// Throws Stopped where `stop` says so.
inline void stopHere(const StopRequest& stop) {
    if (stop && stop())
        throw Stopped();
}

} // namespace fxp::quant
