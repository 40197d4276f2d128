#pragma once

#include "quant/record/module_call.h"

namespace fxp::quant {

/// The hypotheses for a call of nn.MultiheadAttention, nn.TransformerEncoderLayer or nn.TransformerDecoderLayer. What a
/// traced file leaves open (heads, order of norms, batch first, which mask is which) becomes one hypothesis each.
Candidates attentionCandidates(const ModuleCall& call, const Builder& run);
Candidates encoderLayerCandidates(const ModuleCall& call, const Builder& run);
Candidates decoderLayerCandidates(const ModuleCall& call, const Builder& run);

} // namespace fxp::quant
