#include "quant/core/quantize.h"

#include "quant/core/error.h"
#include "quant/core/kernels/quantize_kernel.h"
#include "quant/core/straight_through.h"

#include <ATen/ATen.h>

#include <cmath>

namespace fxp::quant {

namespace {

void requireRunnable(const at::Tensor& x, const QType& type, const std::string& where) {
    if (type.isPartial())
        throw Error(where, type.totalBits ? "fractional_bits is missing" : "total_bits is missing",
                    "set it, or calibrate");
    if (x.scalar_type() != at::kFloat)
        throw Error(where, std::string("the tensor is ") + c10::toString(x.scalar_type()) + ", not float32",
                    "convert the model to float32");
    validate(type, where);
}

} // namespace

at::Tensor quantize(const at::Tensor& x, const QType& type, const std::string& where, std::uint64_t seed,
                    std::int64_t firstIndex) {
    requireRunnable(x, type, where);
    if (type.isFloat())
        return x;
    const at::Tensor source = x.detach().contiguous();
    at::Tensor result = at::empty_like(source);
    QuantizeJob job;
    job.x = source.data_ptr<float>();
    job.y = result.data_ptr<float>();
    job.count = source.numel();
    job.type = type;
    job.seed = seed;
    job.firstIndex = firstIndex;
    job.setShape(source.sizes(), where);
    quantizeValues(job);
    return recordsGradient(x) ? straightThrough(x, result) : result;
}

ValueRange valueRange(const at::Tensor& x) {
    if (x.numel() == 0)
        return {};
    const auto [low, high] = at::aminmax(x);
    ValueRange range{low.item<double>(), high.item<double>()};
    if (std::isfinite(range.low) && std::isfinite(range.high))
        return range;
    const at::Tensor finite = x.masked_select(at::isfinite(x));
    return finite.numel() == 0 ? ValueRange{} : valueRange(finite);
}

} // namespace fxp::quant
