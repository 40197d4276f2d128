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
// std::fill over a std::vector<bool> was declared constexpr before; it stays undefined here, and a use of it does not
// link.
#define __fill_a1 __fill_bits
#include <vector>
#undef __fill_a1
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR constexpr
#endif
#endif
