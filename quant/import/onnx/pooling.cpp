#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"
#include "quant/import/onnx/windows.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace fxp::quant::onnx_import {

namespace {

using Integers = std::vector<std::int64_t>;

Windows poolingWindows(const NodeRun& node) {
    const at::Tensor& x = node.in(0);
    if (x.dim() < 3 || x.dim() > 5)
        node.fail("pools over " + std::to_string(x.dim() - 2) + " dimensions", "one to three are supported");
    return windowsOf(node, x.sizes().slice(2), {});
}

/// LibTorch pads both sides alike, and by half of the kernel at most.
bool fitsLibTorch(const Windows& w) {
    bool fits = w.isSymmetric();
    for (std::size_t i = 0; i < w.kernel.size(); ++i)
        fits = fits && w.before[i] >= 0 && 2 * w.before[i] <= w.kernel[i];
    return fits;
}

std::string pool(const char* name, const Windows& w, const char* rest = "") {
    return std::string("aten::") + name + std::to_string(w.kernel.size()) + "d" + rest;
}

/// The places that LibTorch gives, within each channel of the padded input, as places in the whole input.
at::Tensor wholePlaces(NodeRun& node, const at::Tensor& places, const at::Tensor& x, const Windows& padded) {
    const std::size_t rank = padded.kernel.size();
    at::Tensor rest = places, found = at::zeros({}, at::kLong);
    std::vector<at::Tensor> coordinates(rank);
    for (std::size_t i = rank; i-- > 0;) {
        const std::int64_t size = x.size(static_cast<std::int64_t>(i) + 2) + padded.before[i] + padded.after[i];
        coordinates[i] = rest.remainder(size).sub(padded.before[i]);
        rest = rest.div(size, "floor");
    }
    const bool byColumn = node.integer("storage_order", 0) != 0;
    std::int64_t stride = 1;
    for (std::size_t step = 0; step < rank; ++step) {
        const std::size_t i = byColumn ? step : rank - 1 - step;
        found = found + coordinates[i] * stride;
        stride *= x.size(static_cast<std::int64_t>(i) + 2);
    }
    Integers along(static_cast<std::size_t>(x.dim()), 1);
    along[0] = x.size(0);
    along[1] = x.size(1);
    return found + at::arange(x.size(0) * x.size(1)).reshape(along) * stride;
}

void maxPool(NodeRun& node) {
    const Windows w = poolingWindows(node);
    at::Tensor x = node.in(0);
    Windows explicitly = w;
    Integers padding = w.before;
    const bool isWhole = x.scalar_type() != at::kFloat;
    if (isWhole) // LibTorch pools floats alone; bytes are among them
        x = node.cast(x, at::kFloat);
    if (fitsLibTorch(w)) {
        explicitly.before.assign(w.kernel.size(), 0);
        explicitly.after = explicitly.before;
    } else {
        x = node.op("aten::constant_pad_nd", {x, w.pads(), -std::numeric_limits<double>::infinity()});
        padding.assign(w.kernel.size(), 0);
    }
    const bool ceil = node.integer("ceil_mode", 0) != 0;
    if (!node.wants(1)) {
        const at::Tensor y = node.op(pool("max_pool", w), {x, w.kernel, w.stride, padding, w.dilation, ceil});
        node.out(node.cast(y, node.in(0).scalar_type()));
        return;
    }
    const auto results =
        w.kernel.size() == 1
            ? node.all("aten::max_pool1d_with_indices", {x, w.kernel, w.stride, padding, w.dilation, ceil})
            : node.all(pool("max_pool", w, "_with_indices"), {x, w.kernel, w.stride, padding, w.dilation, ceil});
    node.out(node.cast(results.at(0), node.in(0).scalar_type()));
    node.out(wholePlaces(node, node.read(results.at(1)), node.in(0), explicitly), ::onnx::TensorProto::INT64);
}

at::Tensor averaged(NodeRun& node, const at::Tensor& x, const Windows& w, const Integers& padding, bool ceil,
                    bool countPadding) {
    std::vector<at::IValue> arguments{x, w.kernel, w.stride, padding, ceil, countPadding};
    return node.op(pool("avg_pool", w), arguments);
}

bool isDilated(const Windows& w) {
    return std::ranges::any_of(w.dilation, [](std::int64_t d) { return d != 1; });
}

/// The places of the windows along each dimension. A window that begins behind the input and its padding in front is
/// left out, as LibTorch does.
Integers placesOf(const Windows& w, at::IntArrayRef spatial, bool ceil) {
    Integers places;
    for (std::size_t i = 0; i < w.kernel.size(); ++i) {
        const std::int64_t reach = (w.kernel[i] - 1) * w.dilation[i] + 1;
        const std::int64_t room = spatial[i] + w.before[i] + w.after[i] - reach;
        std::int64_t count = room / w.stride[i] + 1;
        if (ceil && room % w.stride[i] != 0 && count * w.stride[i] < spatial[i] + w.before[i])
            ++count;
        places.push_back(room < 0 ? 0 : count);
    }
    return places;
}

/// The sums of windows that LibTorch's pooling does not have: with dilations, or reaching beyond the padding.
/// `padding`: whether the elements of the padding count as 1, for the number of elements in a window.
at::Tensor windowSums(NodeRun& node, const at::Tensor& x, const Windows& w, bool ceil, double padding = 0) {
    const std::size_t rank = w.kernel.size();
    if (rank > 2)
        node.fail("pools over three dimensions with dilations or in ceil mode", "one or two are supported");
    const Integers places = placesOf(w, x.sizes().slice(2), ceil);
    at::Tensor padded = padding == 0 ? x : node.op("aten::constant_pad_nd", {x, w.pads(), padding});
    Windows rest = w;
    std::int64_t elements = 1, count = 1;
    Integers shape{x.size(0), x.size(1)};
    for (std::size_t i = 0; i < rank; ++i) {
        const std::int64_t size = x.size(static_cast<std::int64_t>(i) + 2);
        if (places[i] < 1)
            node.fail("has windows that are larger than its input");
        rest.after[i] = (places[i] - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i] + 1 - size - w.before[i];
        if (padding != 0) {
            rest.after[i] -= w.after[i];
            rest.before[i] = 0;
        }
        elements *= w.kernel[i];
        count *= places[i];
        shape.push_back(places[i]);
    }
    padded = node.op("aten::constant_pad_nd", {padded, rest.pads(), 0.0});
    Integers kernel = w.kernel, dilation = w.dilation, stride = w.stride;
    if (rank == 1) {
        padded = node.op("aten::unsqueeze", {padded, 2});
        for (Integers* one : {&kernel, &dilation, &stride})
            one->insert(one->begin(), 1);
    }
    const at::Tensor columns = node.op("aten::im2col", {padded, kernel, dilation, Integers{0, 0}, stride});
    const at::Tensor windows = node.reshape(columns, {x.size(0), x.size(1), elements, count});
    const auto type = static_cast<std::int64_t>(windows.scalar_type());
    return node.reshape(node.op("aten::sum.dim_IntList", {windows, Integers{2}, false, type}), shape);
}

void averagePool(NodeRun& node) {
    const Windows w = poolingWindows(node);
    const at::Tensor& x = node.in(0);
    const bool ceil = node.integer("ceil_mode", 0) != 0, counted = node.integer("count_include_pad", 0) != 0;
    if (isDilated(w)) {
        const at::Tensor one = at::ones_like(x.slice(0, 0, 1).slice(1, 0, 1));
        node.out(node.div(windowSums(node, x, w, ceil), windowSums(node, one, w, ceil, counted ? 1 : 0)));
        return;
    }
    if (fitsLibTorch(w)) {
        node.out(averaged(node, x, w, w.before, ceil, counted));
        return;
    }
    const Integers none(w.kernel.size(), 0);
    const at::Tensor padded = node.op("aten::constant_pad_nd", {x, w.pads(), 0.0});
    const at::Tensor y = averaged(node, padded, w, none, ceil, true);
    if (counted) {
        node.out(y);
        return;
    }
    // What share of each window is not padding.
    const at::Tensor inside = at::constant_pad_nd(at::ones_like(x), w.pads(), 0);
    const std::size_t rank = w.kernel.size();
    at::Tensor share = rank == 1   ? at::avg_pool1d(inside, w.kernel, w.stride, none, ceil, true)
                       : rank == 2 ? at::avg_pool2d(inside, w.kernel, w.stride, none, ceil, true)
                                   : at::avg_pool3d(inside, w.kernel, w.stride, none, ceil, true);
    node.out(node.div(y, share.slice(0, 0, 1).slice(1, 0, 1).contiguous()));
}

void globalAverage(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const auto rank = static_cast<std::size_t>(x.dim() - 2);
    if (rank >= 1 && rank <= 3) {
        node.out(node.op("aten::adaptive_avg_pool" + std::to_string(rank) + "d", {x, Integers(rank, 1)}));
        return;
    }
    Integers axes(rank);
    std::iota(axes.begin(), axes.end(), 2);
    node.out(node.op("aten::mean.dim", {x, axes, true}));
}

void globalMax(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    Integers axes(static_cast<std::size_t>(x.dim() - 2));
    std::iota(axes.begin(), axes.end(), 2);
    node.out(node.op("aten::amax", {x, axes, true}));
}

/// (Σ |x|ᵖ)^(1/p), by the sums' averages.
at::Tensor powerMean(NodeRun& node, const std::function<at::Tensor(const at::Tensor&)>& summed) {
    const double p = node.hasAttribute("p") && node.integer("p", 0) != 0 ? static_cast<double>(node.integer("p", 2))
                                                                         : node.real("p", 2);
    const double power = p == 0 ? 2 : p;
    const at::Tensor raised = node.op("aten::pow.Tensor_Scalar", {node.op("aten::abs", {node.in(0)}), power});
    return node.op("aten::pow.Tensor_Scalar", {summed(raised), 1 / power});
}

void lpPool(NodeRun& node) {
    const Windows w = poolingWindows(node);
    const bool ceil = node.integer("ceil_mode", 0) != 0;
    double count = 1;
    for (const std::int64_t size : w.kernel)
        count *= static_cast<double>(size);
    node.out(powerMean(node, [&](const at::Tensor& raised) {
        if (ceil || isDilated(w))
            return windowSums(node, raised, w, ceil);
        const at::Tensor padded = node.op("aten::constant_pad_nd", {raised, w.pads(), 0.0});
        const Integers none(w.kernel.size(), 0);
        return node.op("aten::mul.Scalar", {averaged(node, padded, w, none, ceil, true), count});
    }));
}

void globalLp(NodeRun& node) {
    Integers axes(static_cast<std::size_t>(node.in(0).dim() - 2));
    std::iota(axes.begin(), axes.end(), 2);
    node.out(powerMean(node, [&](const at::Tensor& raised) {
        return node.op("aten::sum.dim_IntList", {raised, axes, true});
    }));
}

void maxUnpool(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const Windows w = windowsOf(node, x.sizes().slice(2), {});
    Integers natural = x.sizes().vec();
    for (std::size_t i = 0; i < w.kernel.size(); ++i) {
        std::int64_t& size = natural[i + 2];
        size = (size - 1) * w.stride[i] + w.kernel[i] - w.before[i] - w.after[i];
    }
    Integers shape = node.has(2) ? node.integersOf(2) : natural;
    // The places are those of the shape without an explicit one.
    std::int64_t all = 1;
    for (const std::int64_t size : natural)
        all *= size;
    const at::Tensor zeros = at::zeros({all}, x.options());
    at::Tensor places = node.reshape(node.in(1), {-1});
    if (shape != natural) {
        at::Tensor rest = node.read(places), moved = at::zeros_like(rest);
        std::int64_t stride = 1;
        for (std::size_t i = natural.size(); i-- > 0;) {
            moved = moved + rest.remainder(natural[i]) * stride;
            rest = rest.div(natural[i], "floor");
            stride *= shape[i];
        }
        places = moved;
        const at::Tensor larger = at::zeros({stride}, x.options());
        node.out(node.reshape(node.op("aten::scatter.src", {larger, 0, places, node.reshape(x, {-1})}), shape));
        return;
    }
    node.out(node.reshape(node.op("aten::scatter.src", {zeros, 0, places, node.reshape(x, {-1})}), shape));
}

constexpr std::array kOperators{
    OperatorEntry{"AveragePool", averagePool}, OperatorEntry{"GlobalAveragePool", globalAverage},
    OperatorEntry{"GlobalLpPool", globalLp},   OperatorEntry{"GlobalMaxPool", globalMax},
    OperatorEntry{"LpPool", lpPool},           OperatorEntry{"MaxPool", maxPool},
    OperatorEntry{"MaxUnpool", maxUnpool},
};

} // namespace

std::span<const OperatorEntry> poolingOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
