#include "quant/layers/attention_product.h"

#include <ATen/ATen.h>

#include <limits>

namespace fxp::quant {

namespace {

Product batched(std::int64_t terms, bool transposed) {
    Product product;
    product.multiply = [transposed](const at::Tensor& a, const at::Tensor& b) {
        return at::matmul(a, transposed ? b.transpose(-2, -1) : b);
    };
    product.plain = [transposed](const at::Tensor& a, const at::Tensor& b, const at::Tensor&) {
        return at::matmul(a, transposed ? b.transpose(-2, -1) : b);
    };
    product.terms = terms;
    return product;
}

} // namespace

Product scoresProduct(const at::Tensor& a) {
    return batched(a.size(-1), true);
}

Product weightedSumProduct(const at::Tensor& a) {
    return batched(a.size(-1), false);
}

at::Tensor additiveMask(const at::Tensor& mask, bool masked) {
    if (mask.scalar_type() != at::kBool)
        return mask;
    const at::Tensor hidden = masked ? mask : mask.logical_not();
    return at::zeros(mask.sizes(), at::kFloat).masked_fill(hidden, -std::numeric_limits<float>::infinity());
}

at::Tensor withCausalMask(const at::Tensor& scores) {
    return scores + additiveMask(at::ones({scores.size(-2), scores.size(-1)}, at::kBool).tril(), false);
}

} // namespace fxp::quant
