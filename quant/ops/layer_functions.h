#pragma once

#include "quant/ops/operator_table.h"

namespace fxp::quant {

/// Operators of layers other than sums of products, in float32: the same bits for every split into batches, number of
/// threads and CPU. Operators of one tensor have it as their first argument; B batches, T queries, S keys, E features,
/// H heads, D = E / H.
///  - `sigmoid`, `tanh`; `gelu`: approximate ("none" or "tanh"); `softmax`: dim
///  - `mean`, `variance` (biased): dims, keepdim
///  - `normalize`: x, mean, variance, eps: (x − mean) / sqrt(variance + eps)
///  - `affine`: x, weight, bias, either may be absent: x · weight + bias
///  - `causal_mask`: scores [..., T, S] with −∞ where the key's position is after the query's
///  - `add_mask`: scores [..., T, S], mask, masked, appended: adds a float mask; for a bool mask adds −∞ where it
///    equals `masked`. The mask does not cover the last `appended` keys, which stay visible
///  - `add_key_padding_mask`: scores [B·H, T, S], mask [B, S − appended], heads, appended: likewise, masked where true
///  - `split_heads`: x [B, T, E], heads: [B·H, T, D]; `merge_heads`: the way back
///  - `by_batch`: x [B·H, T, S], heads: [B, H, T, S]
///  - `append_row`: x [B, S, E], row of E elements: [B, S + 1, E]
///  - `zeros`: x [B, ...], size: zeros [B, size], whatever values x has
void addLayerOperators(OperatorTable& operators);

} // namespace fxp::quant
