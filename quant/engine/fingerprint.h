#pragma once

#include "quant/graph/formats.h"
#include "quant/graph/program.h"

#include <cstdint>
#include <vector>

namespace fxp::quant {

/// Identifies the state of a value: a hash of everything in the formats that the value depends on. Equal fingerprints
/// mean equal values.
using Fingerprint = std::uint64_t;

/// The fingerprint of every value of the program under the formats, computed without any tensor. Of its formats, a
/// step's results depend only on what the step reads.
std::vector<Fingerprint> fingerprints(const Program& program, const Formats& formats);

/// The fingerprint of everything that a slot's figures depend on, by slot.
std::vector<Fingerprint> slotStates(const Program& program, const std::vector<Fingerprint>& states);

} // namespace fxp::quant
