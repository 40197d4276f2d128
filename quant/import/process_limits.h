#pragma once

#include <cstdint>

namespace fxp::quant {

/// Takes from this process what reading a file does not need: memory beyond `bytes` of address space, processor time
/// beyond `seconds`, writing and removing files, starting programs and processes, connections, core dumps; and it ends
/// with its parent. Threads and reading stay. What the kernel cannot take away, it leaves.
void limitProcess(std::uint64_t bytes, std::uint64_t seconds);

} // namespace fxp::quant
