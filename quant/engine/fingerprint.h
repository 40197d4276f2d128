#pragma once

#include "quant/graph/formats.h"
#include "quant/graph/program.h"

#include <cstdint>
#include <vector>

namespace fxp::quant {

/// Names the state of a value: a hash of all that it depends on of every format. Equal fingerprints, equal values.
using Fingerprint = std::uint64_t;

/// The fingerprint of every value of the program under the formats, computed without any tensor. A step's results take
/// in only what the step reads of its formats.
std::vector<Fingerprint> fingerprints(const Program& program, const Formats& formats);

/// The fingerprint of everything that a slot's figures depend on, by slot.
std::vector<Fingerprint> slotStates(const Program& program, const std::vector<Fingerprint>& states);

} // namespace fxp::quant
