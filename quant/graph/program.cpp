#include "quant/graph/program.h"

#include <ATen/ATen.h>

namespace fxp::quant {

at::Tensor LogView::of(const at::Tensor& value) const {
    switch (kind) {
    case Kind::Whole: return value;
    case Kind::Select: return value.select(dimension, index);
    case Kind::Unsqueeze: return value.unsqueeze(0);
    case Kind::ByBatch: {
        auto shape = value.sizes().vec();
        shape[0] /= index;
        shape.insert(shape.begin() + 1, index);
        return value.reshape(shape);
    }
    }
    return value;
}

std::uint64_t seedOf(SlotId slot) {
    // splitmix64's finalizer over the slot's number.
    std::uint64_t z = 0x6678702D73656564u + (static_cast<std::uint64_t>(slot) + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

} // namespace fxp::quant
