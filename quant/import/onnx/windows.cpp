#include "quant/import/onnx/windows.h"

#include <ATen/core/Tensor.h>

#include <algorithm>

namespace fxp::quant::onnx_import {

std::vector<std::int64_t> Windows::pads() const {
    std::vector<std::int64_t> all;
    for (std::size_t i = before.size(); i-- > 0;)
        all.insert(all.end(), {before[i], after[i]});
    return all;
}

Windows windowsOf(const NodeRun& node, at::IntArrayRef spatial, std::vector<std::int64_t> kernel) {
    const std::size_t rank = spatial.size();
    const std::vector<std::int64_t> ones(rank, 1);
    Windows w;
    w.kernel = node.integers("kernel_shape", std::move(kernel));
    w.stride = node.integers("strides", ones);
    w.dilation = node.integers("dilations", ones);
    const std::vector<std::int64_t> pads = node.integers("pads", std::vector<std::int64_t>(2 * rank, 0));
    if (w.kernel.size() != rank || w.stride.size() != rank || w.dilation.size() != rank || pads.size() != 2 * rank ||
        std::ranges::any_of(w.stride, [](std::int64_t s) { return s < 1; }))
        node.fail("has a kernel, strides, dilations or pads for another number of dimensions than its input's");
    const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(rank);
    w.before.assign(pads.begin(), middle);
    w.after.assign(middle, pads.end());
    const std::string automatic = node.text("auto_pad", "NOTSET");
    if (automatic == "VALID") {
        w.before.assign(rank, 0);
        w.after.assign(rank, 0);
    } else if (automatic.starts_with("SAME")) {
        for (std::size_t i = 0; i < rank; ++i) {
            const std::int64_t places = (spatial[i] + w.stride[i] - 1) / w.stride[i];
            const std::int64_t total = std::max<std::int64_t>(
                (places - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i] + 1 - spatial[i], 0);
            const std::int64_t less = total / 2, more = total - less;
            w.before[i] = automatic == "SAME_LOWER" ? more : less;
            w.after[i] = total - w.before[i];
        }
    }
    return w;
}

} // namespace fxp::quant::onnx_import
