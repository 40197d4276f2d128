#include "quant/import/missing_operators.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/library.h>

#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

namespace {

/// softmax(q·kᵀ·scale + mask)·v as PyTorch's documentation of scaled_dot_product_attention defines it, in evaluation.
at::Tensor scaledDotProductAttention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                     const c10::optional<at::Tensor>& mask, double /*dropout*/, bool causal,
                                     c10::optional<double> scale, bool groupedQueries) {
    at::Tensor k = key, v = value;
    if (groupedQueries) {
        k = key.repeat_interleave(query.size(-3) / key.size(-3), -3);
        v = value.repeat_interleave(query.size(-3) / value.size(-3), -3);
    }
    const double factor = scale.has_value() ? *scale : 1.0 / std::sqrt(static_cast<double>(query.size(-1)));
    at::Tensor scores = at::matmul(query * factor, k.transpose(-2, -1));
    constexpr float kMasked = -std::numeric_limits<float>::infinity();
    if (causal)
        scores = scores.masked_fill(at::ones({query.size(-2), k.size(-2)}, at::kBool).tril().logical_not(), kMasked);
    if (mask.has_value() && mask->defined())
        scores = mask->scalar_type() == at::kBool ? scores.masked_fill(mask->logical_not(), kMasked) : scores + *mask;
    return at::matmul(at::softmax(scores, -1), v);
}

/// x / sqrt(mean(x²) + eps) · weight over the last dimensions, as PyTorch's documentation of rms_norm defines it.
at::Tensor rmsNorm(const at::Tensor& x, at::IntArrayRef shape, const c10::optional<at::Tensor>& weight,
                   c10::optional<double> eps) {
    std::vector<std::int64_t> last;
    for (std::size_t i = 0; i < shape.size(); ++i)
        last.push_back(-1 - static_cast<std::int64_t>(i));
    const double epsilon = eps.has_value() ? *eps : static_cast<double>(std::numeric_limits<float>::epsilon());
    const at::Tensor y = x * at::rsqrt(x.square().mean(last, true) + epsilon);
    return weight.has_value() && weight->defined() ? y * *weight : y;
}

/// Defines the operator where this LibTorch has none of that name.
template <class Implementation>
void defineMissing(torch::Library& library, const char* name, const char* schema, Implementation implementation) {
    if (!c10::Dispatcher::singleton().findSchema({std::string("aten::") + name, ""}))
        library.def(schema, torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, implementation));
}

} // namespace

void registerMissingOperators() {
    static std::once_flag once;
    static std::unique_ptr<torch::Library> library;
    std::call_once(once, [] {
        library = std::make_unique<torch::Library>(torch::Library::FRAGMENT, "aten", c10::nullopt, __FILE__, __LINE__);
        defineMissing(
            *library, "scaled_dot_product_attention",
            "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, "
            "float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
            TORCH_FN(scaledDotProductAttention));
        defineMissing(*library, "rms_norm",
                      "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
                      TORCH_FN(rmsNorm));
    });
}

void registerStandIn(const std::string& qualifiedName) {
    const auto refuse = [qualifiedName](torch::jit::Stack&) {
        throw Error(qualifiedName, "this LibTorch has no such operator",
                    "use a newer LibTorch (CMAKE_PREFIX_PATH), or export the model with an older one");
    };
    // Unknown arguments and one tensor as the result: enough to read the file and show its tree.
    static std::vector<std::unique_ptr<torch::jit::RegisterOperators>> registered;
    registered.push_back(
        std::make_unique<torch::jit::RegisterOperators>(std::vector<c10::optional<torch::jit::Operator>>{
            torch::jit::Operator(qualifiedName + "(...) -> Tensor", refuse, c10::AliasAnalysisKind::CONSERVATIVE)}));
}

} // namespace fxp::quant
