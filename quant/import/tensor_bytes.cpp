#include "quant/import/tensor_bytes.h"

#include "quant/core/error.h"
#include "quant/io/elements.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

namespace {

[[noreturn]] void fail(const std::string& where, const std::string& what) {
    throw Error(where, what, "give a file that is complete and was not changed");
}

} // namespace

std::uint64_t tensorLimit(std::uint64_t fileBytes) {
    constexpr std::uint64_t kAlways = std::uint64_t{64} << 20;
    return std::max(kAlways, fileBytes);
}

at::Tensor newTensor(at::ScalarType type, std::int64_t elements, std::uint64_t bytes, const std::string& where) {
    const std::uint64_t size = c10::elementSize(type);
    if (elements < 0 || bytes % size != 0 || static_cast<std::uint64_t>(elements) != bytes / size)
        fail(where, "has " + std::to_string(bytes) + " bytes, which are not " + std::to_string(elements) +
                        " elements of its type");
    return at::empty({elements}, type);
}

at::Tensor inFloat32(const at::Tensor& tensor, const std::string& where) {
    at::Tensor narrow = tensor.to(at::kFloat);
    if (tensor.scalar_type() == at::kDouble && !at::equal(narrow.isfinite(), tensor.isfinite())) {
        const at::Tensor lost = narrow.isfinite().logical_xor(tensor.isfinite()).flatten();
        const std::int64_t element = lost.to(at::kByte).argmax().item<std::int64_t>();
        requireFloat(tensor.flatten()[element].item<double>(), static_cast<std::size_t>(element), where);
    }
    return narrow;
}

std::span<std::byte> bytesOf(const at::Tensor& tensor) {
    return {static_cast<std::byte*>(tensor.data_ptr()), static_cast<std::size_t>(tensor.nbytes())};
}

at::Tensor viewOf(const at::Tensor& storage, std::int64_t offset, const std::vector<std::int64_t>& sizes,
                  const std::vector<std::int64_t>& strides, std::uint64_t limit, const std::string& where) {
    const auto count = elementCount(sizes, limit / storage.element_size());
    if (!count)
        fail(where, "has a shape that is larger than the file");
    if (sizes.size() != strides.size() || offset < 0 || sizes.size() > 64)
        fail(where, "has strides or an offset that do not fit its shape");
    std::int64_t last = offset; // the last element's place
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        std::int64_t reach = 0;
        if (strides[i] < 0 || (*count > 0 && __builtin_mul_overflow(sizes[i] - 1, strides[i], &reach)) ||
            __builtin_add_overflow(last, reach, &last))
            fail(where, "has strides that do not fit its shape");
    }
    if (*count > 0 ? last >= storage.numel() : offset > storage.numel())
        fail(where, "reaches beyond its storage");
    return storage.as_strided(sizes, strides, offset);
}

} // namespace fxp::quant
