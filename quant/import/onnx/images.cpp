#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"
#include "quant/import/onnx/resize_axis.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace fxp::quant::onnx_import {

namespace {

using Integers = std::vector<std::int64_t>;

/// x with one axis resized: elements picked, or sums of them.
at::Tensor resizedAxis(NodeRun& node, const at::Tensor& x, std::int64_t axis, const AxisResize& how) {
    if (how.mode == "nearest")
        return node.pick(x, axis, at::tensor(nearestPlaces(how), at::kLong));
    const at::Tensor matrix = resizeMatrix(how).t(); // [from, to]
    const bool last = axis == x.dim() - 1;
    const at::Tensor turned = last ? x : node.op("aten::transpose.int", {x, axis, -1});
    const at::Tensor y = node.op("aten::matmul", {turned, matrix});
    return last ? y : node.op("aten::transpose.int", {y, axis, -1});
}

void resizeTo(NodeRun& node, const Integers& axes, const std::vector<double>& scales, const Integers& sizes,
              const std::vector<double>& region) {
    at::Tensor x = node.in(0);
    const at::ScalarType type = x.scalar_type();
    const std::string mode = node.text("mode", "nearest");
    const double extrapolation = node.real("extrapolation_value", 0);
    const bool isUpsample = node.node().op_type() == "Upsample" || node.opset() < 11;
    at::Tensor outside;
    if (mode != "nearest")
        x = node.cast(x, at::kFloat);
    for (std::size_t i = 0; i < axes.size(); ++i) {
        AxisResize how;
        how.from = x.size(axes[i]);
        how.to = sizes[i];
        how.scale = scales[i];
        how.mode = mode;
        how.coordinates = node.text("coordinate_transformation_mode", isUpsample ? "asymmetric" : "half_pixel");
        how.rounding = node.text("nearest_mode", isUpsample ? "floor" : "round_prefer_floor");
        how.cubic = node.real("cubic_coeff_a", -0.75);
        how.excludeOutside = node.integer("exclude_outside", 0) != 0;
        how.antialias = node.integer("antialias", 0) != 0;
        if (!region.empty()) {
            how.regionStart = region[i];
            how.regionEnd = region[axes.size() + i];
        }
        if (how.to < 0 || how.to > (std::int64_t{1} << 24) || how.from < 1)
            node.fail("resizes to an impossible shape");
        if (how.from == how.to && scales[i] == 1 && how.coordinates != "tf_crop_and_resize")
            continue;
        x = resizedAxis(node, x, axes[i], how);
        if (how.coordinates != "tf_crop_and_resize")
            continue;
        Integers shape(static_cast<std::size_t>(x.dim()), 1);
        shape[static_cast<std::size_t>(axes[i])] = -1;
        const at::Tensor out = at::tensor(outsidePlaces(how), at::kLong).ne(0).reshape(shape);
        outside = outside.defined() ? outside.logical_or(out) : out;
    }
    if (outside.defined() && outside.any().item<bool>())
        x = node.op("aten::where.self", {outside, at::scalar_tensor(extrapolation, at::kFloat), x});
    node.out(node.cast(x, type));
}

void resize(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    Integers axes(static_cast<std::size_t>(x.dim()));
    std::iota(axes.begin(), axes.end(), 0);
    if (node.hasAttribute("axes")) {
        axes = node.integers("axes");
        for (std::int64_t& one : axes)
            one = node.axis(one, x.dim());
    }
    const bool old = node.opset() < 11; // X, scales
    const std::size_t scalesInput = old ? 1 : 2;
    std::vector<double> region, scales = node.reals("scales");
    if (!old && node.has(1) && node.in(1).numel() > 0)
        region = node.realsOf(1);
    if (node.has(scalesInput) && node.in(scalesInput).numel() > 0)
        scales = node.realsOf(scalesInput);
    Integers sizes;
    if (!old && node.has(3) && node.in(3).numel() > 0) {
        sizes = node.integersOf(3);
        const std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
        scales.clear();
        if (sizes.size() != axes.size())
            node.fail("has sizes for another number of axes than it resizes");
        for (std::size_t i = 0; i < axes.size(); ++i)
            scales.push_back(static_cast<double>(sizes[i]) / static_cast<double>(x.size(axes[i])));
        if (policy != "stretch" && !scales.empty()) {
            const double one =
                policy == "not_larger" ? *std::ranges::min_element(scales) : *std::ranges::max_element(scales);
            for (std::size_t i = 0; i < axes.size(); ++i) {
                scales[i] = one;
                sizes[i] = static_cast<std::int64_t>(std::floor(one * static_cast<double>(x.size(axes[i])) + 0.5));
            }
        }
    } else {
        if (scales.size() != axes.size())
            node.fail("has scales for another number of axes than it resizes");
        for (std::size_t i = 0; i < axes.size(); ++i)
            // In float32, as the scales are: 10 · 0.7 is 7 there, and 6.9999998 otherwise.
            sizes.push_back(static_cast<std::int64_t>(
                std::floor(static_cast<float>(x.size(axes[i])) * static_cast<float>(scales[i]))));
    }
    if (!region.empty() && region.size() != 2 * axes.size())
        node.fail("has a region for another number of axes than it resizes");
    resizeTo(node, axes, scales, sizes, region);
}

void gridSample(NodeRun& node) {
    const std::string mode = node.text("mode", "bilinear"), padding = node.text("padding_mode", "zeros");
    const std::int64_t modeNumber = mode == "nearest" ? 1 : mode == "bicubic" || mode == "cubic" ? 2 : 0;
    const std::int64_t paddingNumber = padding == "border" ? 1 : padding == "reflection" ? 2 : 0;
    node.out(node.op("aten::grid_sampler",
                     {node.in(0), node.in(1), modeNumber, paddingNumber, node.integer("align_corners", 0) != 0}));
}

/// Where a region's samples lie, each as a weighted sum of the map's places: [places, H·W].
at::Tensor roiWeights(const std::vector<double>& roi, double spatial, std::int64_t height, std::int64_t width,
                      std::int64_t outHeight, std::int64_t outWidth, std::int64_t sampling, double offset, bool max) {
    const double y0 = roi[1] * spatial - offset, x0 = roi[0] * spatial - offset;
    double h = roi[3] * spatial - offset - y0, w = roi[2] * spatial - offset - x0;
    if (offset == 0) {
        h = std::max(h, 1.0);
        w = std::max(w, 1.0);
    }
    const double binH = h / static_cast<double>(outHeight), binW = w / static_cast<double>(outWidth);
    const auto grid = [sampling](double extent, std::int64_t bins) {
        return sampling > 0 ? sampling : static_cast<std::int64_t>(std::ceil(extent / static_cast<double>(bins)));
    };
    const std::int64_t gridH = grid(h, outHeight), gridW = grid(w, outWidth);
    const std::int64_t each = gridH * gridW;
    // For a maximum each of the four neighbours of a sample counts by itself.
    const std::int64_t rows = outHeight * outWidth * each * (max ? 4 : 1);
    at::Tensor weights = at::zeros({rows, height * width});
    auto cells = weights.accessor<float, 2>();
    std::int64_t row = 0;
    for (std::int64_t ph = 0; ph < outHeight; ++ph) {
        for (std::int64_t pw = 0; pw < outWidth; ++pw) {
            for (std::int64_t i = 0; i < each; ++i) {
                const auto iy = static_cast<double>(i / gridW), ix = static_cast<double>(i % gridW);
                double y = y0 + static_cast<double>(ph) * binH + (iy + 0.5) * binH / static_cast<double>(gridH);
                double x = x0 + static_cast<double>(pw) * binW + (ix + 0.5) * binW / static_cast<double>(gridW);
                const bool outside =
                    y < -1 || y > static_cast<double>(height) || x < -1 || x > static_cast<double>(width);
                y = std::clamp(y, 0.0, static_cast<double>(height - 1));
                x = std::clamp(x, 0.0, static_cast<double>(width - 1));
                const auto low = [](double v) { return static_cast<std::int64_t>(std::floor(v)); };
                const std::int64_t yl = low(y), xl = low(x), yh = std::min(yl + 1, height - 1),
                                   xh = std::min(xl + 1, width - 1);
                const double ly = y - static_cast<double>(yl), lx = x - static_cast<double>(xl);
                const std::array<std::pair<std::int64_t, double>, 4> four{{{yl * width + xl, (1 - ly) * (1 - lx)},
                                                                           {yl * width + xh, (1 - ly) * lx},
                                                                           {yh * width + xl, ly * (1 - lx)},
                                                                           {yh * width + xh, ly * lx}}};
                for (std::size_t n = 0; n < 4; ++n) {
                    const std::int64_t at = max ? row + static_cast<std::int64_t>(n) : row;
                    if (!outside)
                        cells[at][four[n].first] += static_cast<float>(four[n].second);
                }
                row += max ? 4 : 1;
            }
        }
    }
    return weights.reshape({outHeight * outWidth, rows / (outHeight * outWidth), height * width});
}

void roiAlign(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const at::Tensor rois = node.read(node.in(1)).to(at::kDouble).contiguous();
    const Integers batches = node.integersOf(2);
    const std::int64_t h = x.size(2), w = x.size(3);
    const std::int64_t outH = node.integer("output_height", 1), outW = node.integer("output_width", 1);
    const bool max = node.text("mode", "avg") == "max";
    const bool halfPixel = node.text("coordinate_transformation_mode",
                                     node.opset() < 16 ? "output_half_pixel" : "half_pixel") == "half_pixel";
    const at::Tensor flat = node.reshape(x, {x.size(0), x.size(1), h * w});
    std::vector<at::Tensor> results;
    for (std::int64_t i = 0; i < rois.size(0); ++i) {
        const auto* roi = rois.data_ptr<double>() + 4 * i;
        at::Tensor weights = roiWeights({roi, roi + 4}, node.real("spatial_scale", 1), h, w, outH, outW,
                                        node.integer("sampling_ratio", 0), halfPixel ? 0.5 : 0.0, max);
        const at::Tensor map = node.op("aten::select.int", {flat, 0, batches.at(static_cast<std::size_t>(i))});
        at::Tensor y;
        if (max) {
            const std::int64_t each = weights.size(1);
            y = node.op("aten::matmul", {map, weights.reshape({-1, h * w}).t()});
            y = node.op("aten::amax", {node.reshape(y, {x.size(1), outH * outW, each}), Integers{-1}});
        } else {
            y = node.op("aten::matmul", {map, weights.mean(1).t()});
        }
        results.push_back(node.reshape(y, {x.size(1), outH, outW}));
    }
    node.out(node.op("aten::stack", {c10::List<at::Tensor>(results), 0}));
}

/// A box's corners, least first.
std::array<double, 4> cornersOf(const at::TensorAccessor<double, 1>& box, bool centre) {
    if (centre)
        return {box[1] - box[3] / 2, box[0] - box[2] / 2, box[1] + box[3] / 2, box[0] + box[2] / 2};
    return {std::min(box[0], box[2]), std::min(box[1], box[3]), std::max(box[0], box[2]), std::max(box[1], box[3])};
}

double overlap(const std::array<double, 4>& a, const std::array<double, 4>& b) {
    const double h = std::min(a[2], b[2]) - std::max(a[0], b[0]), w = std::min(a[3], b[3]) - std::max(a[1], b[1]);
    if (h <= 0 || w <= 0)
        return 0;
    const auto area = [](const std::array<double, 4>& box) { return (box[2] - box[0]) * (box[3] - box[1]); };
    return h * w / (area(a) + area(b) - h * w);
}

void nonMaxSuppression(NodeRun& node) {
    const at::Tensor boxes = node.read(node.in(0)).to(at::kDouble).contiguous();
    const at::Tensor scores = node.read(node.in(1)).to(at::kDouble).contiguous();
    const std::int64_t most = node.has(2) ? node.integersOf(2).at(0) : 0;
    const double limit = node.has(3) ? node.realsOf(3).at(0) : 0;
    const bool centre = node.integer("center_point_box", 0) != 0;
    const auto allBoxes = boxes.accessor<double, 3>();
    Integers found;
    for (std::int64_t batch = 0; batch < scores.size(0); ++batch) {
        for (std::int64_t kind = 0; kind < scores.size(1); ++kind) {
            const at::Tensor row = scores[batch][kind];
            const auto score = row.accessor<double, 1>();
            Integers order(static_cast<std::size_t>(row.numel()));
            std::iota(order.begin(), order.end(), 0);
            std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) { return score[a] > score[b]; });
            std::vector<std::array<double, 4>> kept;
            for (const std::int64_t place : order) {
                if (static_cast<std::int64_t>(kept.size()) >= most ||
                    (node.has(4) && score[place] <= node.realsOf(4).at(0)))
                    break;
                const auto box = cornersOf(allBoxes[batch][place], centre);
                if (std::ranges::any_of(kept, [&](const auto& other) { return overlap(box, other) > limit; }))
                    continue;
                kept.push_back(box);
                found.insert(found.end(), {batch, kind, place});
            }
        }
    }
    node.out(at::tensor(found, at::kLong).reshape({-1, 3}), ::onnx::TensorProto::INT64);
}

constexpr std::array kOperators{
    OperatorEntry{"GridSample", gridSample}, OperatorEntry{"NonMaxSuppression", nonMaxSuppression},
    OperatorEntry{"Resize", resize},         OperatorEntry{"RoiAlign", roiAlign},
    OperatorEntry{"Upsample", resize},
};

} // namespace

std::span<const OperatorEntry> imageOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
