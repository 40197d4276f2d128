#include "quant/import/missing_operators.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
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

at::Tensor squeezeDims(const at::Tensor& self, at::IntArrayRef dims) {
    std::vector<std::int64_t> sizes, strides;
    std::vector<char> dropped(static_cast<std::size_t>(self.dim()), 0);
    for (const std::int64_t dim : dims)
        dropped[static_cast<std::size_t>(c10::maybe_wrap_dim(dim, self.dim()))] = 1;
    for (std::int64_t i = 0; i < self.dim(); ++i) {
        if (dropped[static_cast<std::size_t>(i)] && self.size(i) == 1)
            continue;
        sizes.push_back(self.size(i));
        strides.push_back(self.stride(i));
    }
    return self.as_strided(sizes, strides, self.storage_offset());
}

at::Tensor reduceDims(const at::Tensor& self, at::OptionalIntArrayRef dims, bool keepdim, bool any) {
    if (!dims.has_value()) {
        const at::Tensor whole = any ? self.any() : self.all();
        return keepdim ? whole.reshape(std::vector<std::int64_t>(static_cast<std::size_t>(self.dim()), 1)) : whole;
    }
    std::vector<std::int64_t> order;
    for (const std::int64_t dim : *dims)
        order.push_back(c10::maybe_wrap_dim(dim, self.dim()));
    std::sort(order.rbegin(), order.rend());
    at::Tensor result = self.to(at::kBool);
    for (const std::int64_t dim : order)
        result = any ? result.any(dim, keepdim) : result.all(dim, keepdim);
    return result;
}
at::Tensor anyDims(const at::Tensor& self, at::OptionalIntArrayRef dims, bool keepdim) {
    return reduceDims(self, dims, keepdim, true);
}
at::Tensor allDims(const at::Tensor& self, at::OptionalIntArrayRef dims, bool keepdim) {
    return reduceDims(self, dims, keepdim, false);
}

/// softmax with zeros in rows that are all −∞, as scaled_dot_product_attention wants it.
at::Tensor safeSoftmax(const at::Tensor& self, std::int64_t dim, c10::optional<at::ScalarType> dtype) {
    const at::Tensor masked = self.eq(-std::numeric_limits<double>::infinity()).all(dim, true);
    return at::softmax(self, dim, dtype).masked_fill(masked, 0);
}

at::Tensor unsafeIndex(const at::Tensor& self, const c10::List<c10::optional<at::Tensor>>& indices) {
    return at::index(self, indices);
}

using ThreeTensors = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

ThreeTensors batchNormNoTraining(const at::Tensor& input, const c10::optional<at::Tensor>& weight,
                                 const c10::optional<at::Tensor>& bias, const at::Tensor& mean, const at::Tensor& var,
                                 double momentum, double eps) {
    return {at::batch_norm(input, weight, bias, mean, var, false, momentum, eps, false), at::empty({0}),
            at::empty({0})};
}

/// With the batch's own mean and variance, of which instance norms are made.
ThreeTensors batchNormNoStats(const at::Tensor& input, const c10::optional<at::Tensor>& weight,
                              const c10::optional<at::Tensor>& bias, bool /*training*/, double momentum, double eps) {
    return {at::batch_norm(input, weight, bias, {}, {}, true, momentum, eps, false), at::empty({0}), at::empty({0})};
}

/// In evaluation the slope is the middle of the two limits.
std::tuple<at::Tensor, at::Tensor> rreluInEvaluation(const at::Tensor& self, const at::Tensor& noise,
                                                     const at::Scalar& lower, const at::Scalar& upper, bool training,
                                                     c10::optional<at::Generator> /*generator*/) {
    if (training)
        throw Error("", "rrelu draws random slopes, which only training does", "export the model in evaluation mode");
    return {at::leaky_relu(self, (lower.toDouble() + upper.toDouble()) / 2), noise};
}

/// Defines the operator where this LibTorch has none of that name.
template <class Implementation>
void defineMissing(torch::Library& library, const char* name, const char* schema, Implementation implementation) {
    const std::string full = name;
    const std::size_t dot = std::min(full.find('.'), full.size());
    if (!c10::Dispatcher::singleton().findSchema(
            {"aten::" + full.substr(0, dot), dot == full.size() ? std::string() : full.substr(dot + 1)}))
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
        // What exports of newer PyTorch are made of.
        defineMissing(*library, "squeeze.dims", "squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)",
                      TORCH_FN(squeezeDims));
        defineMissing(*library, "any.dims", "any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
                      TORCH_FN(anyDims));
        defineMissing(*library, "all.dims", "all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
                      TORCH_FN(allDims));
        defineMissing(*library, "_safe_softmax",
                      "_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", TORCH_FN(safeSoftmax));
        defineMissing(*library, "_unsafe_index.Tensor",
                      "_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", TORCH_FN(unsafeIndex));
        defineMissing(*library, "_native_batch_norm_legit_no_training",
                      "_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, "
                      "Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
                      TORCH_FN(batchNormNoTraining));
        defineMissing(*library, "_native_batch_norm_legit.no_stats",
                      "_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, "
                      "float momentum, float eps) -> (Tensor, Tensor, Tensor)",
                      TORCH_FN(batchNormNoStats));
        defineMissing(*library, "rrelu_with_noise_functional",
                      "rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, "
                      "Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None) -> (Tensor, "
                      "Tensor)",
                      TORCH_FN(rreluInEvaluation));
    });
}

namespace {

/// Operators stay registered until the program ends, because the graphs of files refer to them.
struct StandIns {
    std::mutex mutex;
    std::map<std::string, std::unique_ptr<torch::jit::RegisterOperators>> byName;
};

StandIns& standIns() {
    static StandIns all;
    return all;
}

} // namespace

void registerStandIn(const std::string& qualifiedName) {
    const auto refuse = [qualifiedName](torch::jit::Stack&) {
        throw Error(qualifiedName, "this LibTorch has no such operator",
                    "use a newer LibTorch (CMAKE_PREFIX_PATH), or export the model with an older one");
    };
    // Unknown arguments and one tensor as the result: enough to read the file and show its tree.
    const std::lock_guard lock(standIns().mutex);
    auto& registered = standIns().byName[qualifiedName];
    if (registered)
        return;
    registered = std::make_unique<torch::jit::RegisterOperators>(std::vector<c10::optional<torch::jit::Operator>>{
        torch::jit::Operator(qualifiedName + "(...) -> Tensor", refuse, c10::AliasAnalysisKind::CONSERVATIVE)});
}

bool isStandIn(const std::string& qualifiedName) {
    const std::lock_guard lock(standIns().mutex);
    return standIns().byName.contains(qualifiedName);
}

} // namespace fxp::quant
