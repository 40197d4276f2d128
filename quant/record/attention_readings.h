#pragma once

#include "quant/layers/multihead_attention.h"
#include "quant/record/module_call.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fxp::quant {

// The common part of the hypotheses for modules with attention. A traced file has lost most arguments of the
// constructors and the names of masks; each function here gives the possible readings of one of them.

/// Visits the choices of one index below each count, those of the smallest sum first and in lexicographic order among
/// them: the likeliest first, where each index counts from the likeliest. Until `visit` says no.
void forEachByLikelihood(const std::vector<std::size_t>& counts,
                         const std::function<bool(const std::vector<std::size_t>&)>& visit);

/// Divisors of the embedding, likeliest first.
std::vector<std::int64_t> headCounts(const ModuleCall& call, const std::string& prefix, std::int64_t embed);

/// The attention's parameters below `prefix`, without the number of heads; absent where the module has none.
std::optional<AttentionParameters> attentionParameters(const ModuleCall& call, const std::string& prefix);

/// [T, B, E] ↔ [B, T, E], or a batch of one around an unbatched [T, E]; the tensor itself where it is batch first.
enum class Arrangement { BatchFirst, TimeFirst, Unbatched };
Value arrange(Value x, Arrangement arrangement, Builder& run);
Value arrangeBack(Value x, Arrangement arrangement, Builder& run);
/// The arrangements that sequences of so many dimensions can have.
std::vector<Arrangement> arrangements(const ModuleCall& call, const std::string& prefix, std::int64_t dims);

/// How many samples and steps a sequence has: [B, T, E], [T, B, E] or [T, E].
struct Extents {
    std::int64_t batch = 1, steps = 0;

    Extents(const at::Tensor& x, Arrangement arrangement) {
        const bool batched = arrangement != Arrangement::Unbatched;
        const bool batchFirst = arrangement == Arrangement::BatchFirst;
        batch = batched ? x.size(batchFirst ? 0 : 1) : 1;
        steps = x.size(batchFirst ? 1 : 0);
    }
};

/// The constructor's arguments of an encoder or decoder layer that a traced file leaves open, each likeliest first.
struct TransformerOptions {
    std::vector<char> normFirst{1, 0};
    std::vector<std::string> activations{"relu", "gelu"}; // neither operator was seen: a fused kernel hides them
    std::vector<double> epsilons;

    explicit TransformerOptions(const ModuleCall& call);

    /// Sets the linear layers, the first two norms, their order and the activation of an encoder or decoder layer.
    /// `choice`: indices into normFirst, activations and epsilons.
    template <class Parameters>
    void fill(Parameters& p, const ModuleCall& call, std::span<const std::size_t> choice) const {
        p.linear1Weight = parameter(call, "linear1.weight");
        p.linear1Bias = parameter(call, "linear1.bias");
        p.linear2Weight = parameter(call, "linear2.weight");
        p.linear2Bias = parameter(call, "linear2.bias");
        p.normFirst = normFirst[choice[0]] != 0;
        p.activation = activations[choice[1]];
        p.norm1 = normParameters(call, "norm1.", epsilons[choice[2]]);
        p.norm2 = normParameters(call, "norm2.", epsilons[choice[2]]);
    }
};

/// An attention mask and a key padding mask; either may be undefined.
struct Masks {
    Value attention, keyPadding;
};

/// Whether the masks have the shapes that nn.MultiheadAttention takes: [T, S] or [B · heads, T, S]; [B, S] or [S].
bool masksFit(const Masks& masks, const Extents& query, const Extents& key, std::int64_t heads, Arrangement arrangement,
              const Builder& run);
/// An unbatched call's key padding mask [S] as a batch of one.
Value arrangeMask(Value mask, Arrangement arrangement, Builder& run);

/// Which of the fused attentions inside had the argument is_causal set, in order: the mask of the call is then not
/// among their arguments.
std::vector<char> causalFlags(const ModuleCall& call, std::size_t count);

} // namespace fxp::quant
