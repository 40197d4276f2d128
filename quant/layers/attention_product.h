#pragma once

#include "quant/core/exact_product.h"

namespace fxp::quant {

/// a · bᵀ of [..., T, K] and [..., S, K]: attention's scores. Exact sums of K products.
Product scoresProduct(const at::Tensor& a);
/// a · b of [..., T, S] and [..., S, D]: attention's weighted sum.
Product weightedSumProduct(const at::Tensor& a);

/// A mask as what is added to the scores: float as it is; bool −∞ where it equals `masked`, else 0.
at::Tensor additiveMask(const at::Tensor& mask, bool masked);

/// Scores [..., T, S] with −∞ where the key lies behind the query's own place.
at::Tensor withCausalMask(const at::Tensor& scores);

} // namespace fxp::quant
