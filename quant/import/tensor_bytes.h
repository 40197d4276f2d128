#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fxp::quant {

/// Bytes that one tensor of a file may claim: strides of zero make large tensors of small storages, and a file must
/// not ask for memory that it does not have.
std::uint64_t tensorLimit(std::uint64_t fileBytes);

/// A flat tensor of `elements` for a storage of `bytes`. Throws Error at `where` when they do not go together.
at::Tensor newTensor(at::ScalarType type, std::int64_t elements, std::uint64_t bytes, const std::string& where);

/// Its memory, to be filled; contiguous.
std::span<std::byte> bytesOf(const at::Tensor& tensor);

/// A part of a flat storage as a tensor. Throws Error at `where`: a size or stride is negative, it reaches beyond the
/// storage, or is larger than `limit` bytes.
at::Tensor viewOf(const at::Tensor& storage, std::int64_t offset, const std::vector<std::int64_t>& sizes,
                  const std::vector<std::int64_t>& strides, std::uint64_t limit, const std::string& where);

/// Floats of any width as float32. Throws Error at `where` for a finite value that float32 does not hold.
at::Tensor inFloat32(const at::Tensor& tensor, const std::string& where);

} // namespace fxp::quant
