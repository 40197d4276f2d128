#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fxp::quant {

/// A form in which a tensor's words are written.
enum class MemoryKind : std::uint8_t {
    Mem,     ///< `$readmemh` of Verilog: one word a line, in hexadecimal, nothing else
    Mif,     ///< memory initialization file of Intel's tools
    Coe,     ///< coefficient file of AMD's tools
    CHeader, ///< arrays of C, all tensors in one header
    Npy,     ///< NumPy array of the narrowest integers, in the tensor's shape
};
inline constexpr std::array kMemoryKinds{MemoryKind::Mem, MemoryKind::Mif, MemoryKind::Coe, MemoryKind::CHeader,
                                         MemoryKind::Npy};

/// `mem`, `mif`, `coe`, `c`, `npy`.
constexpr std::string_view name(MemoryKind kind) {
    constexpr std::array<std::string_view, 5> kNames{"mem", "mif", "coe", "c", "npy"};
    return kNames[static_cast<std::size_t>(kind)];
}
constexpr std::optional<MemoryKind> memoryKind(std::string_view text) {
    for (const MemoryKind kind : kMemoryKinds) {
        if (name(kind) == text)
            return kind;
    }
    return std::nullopt;
}

} // namespace fxp::quant
