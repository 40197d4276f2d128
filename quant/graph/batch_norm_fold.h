#pragma once

#include "quant/graph/program.h"

#include <string>
#include <utility>
#include <vector>

namespace fxp::quant {

/// A batch norm that can become part of the linear or convolution layer before it.
struct BatchNormFold {
    std::string norm, layer; ///< their paths
};

/// The batch norms of the program that can be folded: the input is the activation of a layer, along whose channels the
/// norm works, and no other step reads that activation.
std::vector<BatchNormFold> foldableBatchNorms(const Program& program);

/// The program's other batch norms, by path, and why they cannot be folded: `has no running statistics`, ….
std::vector<std::pair<std::string, std::string>> unfoldableBatchNorms(const Program& program);

/// The parameters of a layer with y = γ · (x − μ) / sqrt(σ² + ε) + β after it, computed in float64: per output channel,
/// W · γ / sqrt(σ² + ε) and (b − μ) · γ / sqrt(σ² + ε) + β. Jacob et al., "Quantization and Training of Neural Networks
/// for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2.
struct FoldedParameters {
    at::Tensor weight, bias;
};
/// The parameters and statistics of a batch norm, per channel; weight and bias may be undefined.
struct BatchNormParameters {
    at::Tensor weight, bias, mean, variance;
    double eps = 1e-5;
};
/// `inputGroups`: the groups of a transposed convolution, whose weight is [in, out / groups, …] with channels along
/// dimension 1; 0 for a weight [out, …].
FoldedParameters fold(const at::Tensor& weight, const at::Tensor& bias, const BatchNormParameters& norm,
                      std::int64_t inputGroups);

} // namespace fxp::quant
