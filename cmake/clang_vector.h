// Included before everything else where clang compiles against LibTorch 1.13: in C++20 clang instantiates the constexpr
// members of std::vector<c10::IValue> where ATen/core/List.h names it, and IValue is not complete there. Members
// without constexpr, as in C++17, are instantiated where they are used. Layout and symbols stay the same.
#pragma once
#pragma GCC system_header

#ifdef __cplusplus
#include <string>
#ifdef _GLIBCXX20_CONSTEXPR
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
// std::fill over a std::vector<bool> was declared constexpr before <vector> is read: its body gets another name there.
#define __fill_a1 __fill_bits
#include <vector>
#undef __fill_a1
// That declaration cannot be defined, as a bit iterator is no literal type now. This is what it names for the linker.
namespace fxp {
__attribute__((weak)) void fillBits(std::_Bit_iterator first, std::_Bit_iterator last,
                                    const bool& value) asm("_ZSt9__fill_a1St13_Bit_iteratorS_RKb");
__attribute__((weak)) void fillBits(std::_Bit_iterator first, std::_Bit_iterator last, const bool& value) {
    std::__fill_bits(first, last, value);
}
} // namespace fxp
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR constexpr
#endif
#endif
