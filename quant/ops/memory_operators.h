#pragma once

#include "quant/ops/operator_table.h"

namespace fxp::quant {

/// What a program does where the model writes to memory that others see.
///
/// `read_memory(memory, from_sizes, from_strides, from_offset, sizes, strides, offset, elements)`: a view of memory of
/// so many elements, of which `memory` holds those that lie as `from_…` says; in the layout of the other three.
///
/// `write_memory(memory, written, from_…, sizes, strides, offset, elements)`: all of the memory, flat, after `written`
/// was stored in the layout of `sizes`, `strides`, `offset`.
void addMemoryOperators(OperatorTable& table);

} // namespace fxp::quant
