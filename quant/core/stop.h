#pragma once

#include <functional>

namespace fxp::quant {

/// Asked now and then by what takes long; true ends it. May be empty.
using StopRequest = std::function<bool()>;

/// Thrown where a StopRequest ended an operation that has no other way to say so. Not an Error: nothing went wrong.
struct Stopped {};

/// Throws Stopped where `stop` says so.
inline void stopHere(const StopRequest& stop) {
    if (stop && stop())
        throw Stopped();
}

} // namespace fxp::quant
