#pragma once

#include "quant/ops/operator_table.h"

namespace fxp::quant {

/// Operators for models that write to memory which other tensors share.
///
/// `read_memory(memory, from_sizes, from_strides, from_offset, sizes, strides, offset, elements)`: a view of a memory
/// of `elements` elements. `memory` holds those of them that lie in the layout `from_…`; the result has the layout of
/// `sizes`, `strides`, `offset`.
///
/// `write_memory(memory, written, from_…, sizes, strides, offset, elements)`: the whole memory, flat, after `written`
/// was stored in the layout of `sizes`, `strides`, `offset`.
void addMemoryOperators(OperatorTable& table);

} // namespace fxp::quant
