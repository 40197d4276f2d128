#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>

// Operators that move values, or read shapes.
namespace fxp::quant::onnx_import {

namespace {

using Proto = ::onnx::TensorProto;
using Integers = std::vector<std::int64_t>;

/// What older versions have as an attribute and newer ones as an input; nothing where there is neither.
std::optional<Integers> integersFrom(NodeRun& node, const char* attribute, std::size_t input) {
    if (node.hasAttribute(attribute))
        return node.integers(attribute);
    if (node.has(input))
        return node.integersOf(input);
    return std::nullopt;
}

void shape(NodeRun& node) {
    const auto sizes = node.in(0).sizes();
    const auto rank = static_cast<std::int64_t>(sizes.size());
    const auto place = [rank](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + rank : i, 0, rank); };
    const std::int64_t start = place(node.integer("start", 0)), end = place(node.integer("end", rank));
    Integers found;
    for (std::int64_t i = start; i < end; ++i)
        found.push_back(sizes[static_cast<std::size_t>(i)]);
    node.out(at::tensor(found, at::kLong), Proto::INT64);
}

void size(NodeRun& node) {
    node.out(at::scalar_tensor(node.in(0).numel(), at::kLong), Proto::INT64);
}

void reshape(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    Integers shape = integersFrom(node, "shape", 1).value_or(Integers{});
    if (node.integer("allowzero", 0) == 0) {
        for (std::size_t i = 0; i < shape.size(); ++i) {
            if (shape[i] == 0 && i >= x.sizes().size())
                node.fail("takes a size of the input that it does not have");
            if (shape[i] == 0)
                shape[i] = x.size(static_cast<std::int64_t>(i));
        }
    }
    node.out(node.reshape(x, shape));
}

void flatten(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    std::int64_t axis = node.integer("axis", 1);
    axis = axis < 0 ? axis + x.dim() : axis;
    if (axis == 1 && x.dim() > 1) {
        node.out(node.op("aten::flatten.using_ints", {x, 1, -1}));
        return;
    }
    std::int64_t rows = 1, columns = 1;
    for (std::int64_t i = 0; i < x.dim(); ++i)
        (i < axis ? rows : columns) *= x.size(i);
    node.out(node.reshape(x, {rows, columns}));
}

void squeeze(NodeRun& node) {
    at::Tensor x = node.in(0);
    Integers axes;
    if (const auto given = integersFrom(node, "axes", 1)) {
        for (const std::int64_t one : *given)
            axes.push_back(node.axis(one, x.dim()));
    } else {
        for (std::int64_t i = 0; i < x.dim(); ++i) {
            if (x.size(i) == 1)
                axes.push_back(i);
        }
    }
    std::ranges::sort(axes, std::greater<>());
    for (const std::int64_t one : axes) {
        if (x.size(one) != 1)
            node.fail("the axis " + std::to_string(one) + " has more than one element");
        x = node.op("aten::squeeze.dim", {x, one});
    }
    node.out(x);
}

void unsqueeze(NodeRun& node) {
    at::Tensor x = node.in(0);
    Integers axes = integersFrom(node, "axes", 1).value_or(Integers{});
    const auto rank = x.dim() + static_cast<std::int64_t>(axes.size());
    for (std::int64_t& one : axes)
        one = node.axis(one, rank);
    std::ranges::sort(axes);
    for (const std::int64_t one : axes)
        x = node.op("aten::unsqueeze", {x, one});
    node.out(x);
}

void transpose(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    Integers order(static_cast<std::size_t>(x.dim()));
    std::iota(order.rbegin(), order.rend(), 0);
    node.out(node.permute(x, node.integers("perm", order)));
}

void expand(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    Integers shape = node.integersOf(1);
    while (shape.size() < x.sizes().size())
        shape.insert(shape.begin(), 1);
    for (std::size_t back = 1; back <= x.sizes().size(); ++back) {
        std::int64_t& wanted = shape[shape.size() - back];
        const std::int64_t own = x.sizes()[x.sizes().size() - back];
        wanted = wanted == 1 ? own : wanted;
    }
    node.out(node.op("aten::expand", {x, shape}));
}

void concat(NodeRun& node) {
    std::vector<at::Tensor> parts;
    for (std::size_t i = 0; i < node.inputCount(); ++i)
        parts.push_back(node.in(i));
    node.out(parts.size() == 1 ? parts[0] : node.cat(parts, node.axis(node.integer("axis", 1), parts.at(0).dim())));
}

void split(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t axis = node.axis(node.integer("axis", 0), x.dim());
    const std::int64_t outputs = node.node().output_size();
    Integers sizes;
    if (const auto given = integersFrom(node, "split", 1)) {
        sizes = *given;
    } else {
        const std::int64_t each = (x.size(axis) + outputs - 1) / outputs;
        for (std::int64_t i = 0, left = x.size(axis); i < outputs; ++i, left -= each)
            sizes.push_back(std::clamp<std::int64_t>(left, 0, each));
    }
    for (const at::Tensor& part : node.all("aten::split_with_sizes", {x, sizes, axis}))
        node.out(part);
}

/// One axis: start, end and step as NumPy reads them.
at::Tensor sliced(NodeRun& node, const at::Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t end,
                  std::int64_t step) {
    constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
    const std::int64_t size = x.size(axis);
    const auto place = [size](std::int64_t i, std::int64_t low, std::int64_t high) {
        return std::clamp(i < 0 && i >= -size ? i + size : i, low, high);
    };
    if (step == 0)
        node.fail("has a step of 0");
    if (step > 0) {
        const std::int64_t first = place(start, 0, size), last = place(end, 0, size);
        if (first == 0 && last == size && step == 1)
            return x;
        // An open end stays open, whatever the number of samples.
        return node.slice(x, axis, first, last == size ? kEnd : std::max(first, last), step);
    }
    // From the other side of the flipped tensor.
    const std::int64_t first = size - 1 - place(start, -1, size - 1), last = size - 1 - place(end, -1, size - 1);
    const at::Tensor flipped = node.op("aten::flip", {x, Integers{axis}});
    if (first == 0 && last >= size && step == -1)
        return flipped;
    return node.slice(flipped, axis, first, last >= size ? kEnd : std::max(first, last),
                      step == std::numeric_limits<std::int64_t>::min() ? kEnd : -step);
}

void slice(NodeRun& node) {
    at::Tensor x = node.in(0);
    const auto starts = integersFrom(node, "starts", 1), ends = integersFrom(node, "ends", 2);
    if (!starts || !ends || starts->size() != ends->size())
        node.fail("has starts and ends of different lengths");
    Integers axes(starts->size()), steps(starts->size(), 1);
    std::iota(axes.begin(), axes.end(), 0);
    axes = integersFrom(node, "axes", 3).value_or(axes);
    if (node.has(4))
        steps = node.integersOf(4);
    if (axes.size() != starts->size() || steps.size() != starts->size())
        node.fail("has starts, axes and steps of different lengths");
    for (std::size_t i = 0; i < axes.size(); ++i)
        x = sliced(node, x, node.axis(axes[i], x.dim()), (*starts)[i], (*ends)[i], steps[i]);
    node.out(x);
}

void tile(NodeRun& node) {
    node.out(node.op("aten::repeat", {node.in(0), node.integersOf(1)}));
}

/// Which element of 0 … size − 1 stands at each place of the padded axis.
at::Tensor paddedPlaces(NodeRun& node, std::int64_t size, std::int64_t before, std::int64_t after,
                        const std::string& mode) {
    Integers places;
    if (size == 0)
        node.fail("has nothing to pad with");
    for (std::int64_t i = -before; i < size + after; ++i) {
        std::int64_t place = i;
        if (mode == "edge") {
            place = std::clamp<std::int64_t>(i, 0, size - 1);
        } else if (mode == "wrap") {
            place = ((i % size) + size) % size;
        } else if (size > 1) {
            const std::int64_t period = 2 * (size - 1);
            place = ((i % period) + period) % period;
            place = place < size ? place : period - place;
        } else {
            place = 0;
        }
        places.push_back(place);
    }
    return at::tensor(places, at::kLong);
}

void pad(NodeRun& node) {
    at::Tensor x = node.in(0);
    const Integers given = integersFrom(node, "pads", 1).value_or(node.integers("paddings"));
    Integers axes(static_cast<std::size_t>(x.dim()));
    std::iota(axes.begin(), axes.end(), 0);
    if (node.has(3))
        axes = node.integersOf(3);
    if (given.size() != 2 * axes.size())
        node.fail("has " + std::to_string(given.size()) + " pads for " + std::to_string(axes.size()) + " axes");
    const std::string mode = node.text("mode", "constant");
    Integers pads(static_cast<std::size_t>(2 * x.dim()), 0); // the last axis first
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::int64_t axis = node.axis(axes[i], x.dim());
        const std::int64_t before = given[i], after = given[axes.size() + i];
        if (mode != "constant" && (before != 0 || after != 0))
            x = node.pick(x, axis, paddedPlaces(node, x.size(axis), before, after, mode));
        const auto place = static_cast<std::size_t>(2 * (x.dim() - 1 - axis));
        pads[place] = before;
        pads[place + 1] = after;
    }
    if (mode == "constant") {
        at::IValue value = node.real("value", 0);
        if (node.has(2))
            value = node.read(node.in(2)).reshape({}).item();
        else if (x.scalar_type() != at::kFloat)
            value = static_cast<std::int64_t>(0);
        while (!pads.empty() && pads.back() == 0 && pads[pads.size() - 2] == 0)
            pads.resize(pads.size() - 2);
        if (!pads.empty())
            x = node.op("aten::constant_pad_nd", {x, pads, value});
    }
    node.out(x);
}

void depthToSpace(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t b = node.integer("blocksize", 1), c = x.size(1) / (b * b), h = x.size(2), w = x.size(3);
    if (node.text("mode", "DCR") == "CRD") {
        node.out(node.op("aten::pixel_shuffle", {x, b}));
        return;
    }
    const at::Tensor blocks = node.reshape(x, {x.size(0), b, b, c, h, w});
    node.out(node.reshape(node.permute(blocks, {0, 3, 4, 1, 5, 2}), {x.size(0), c, h * b, w * b}));
}

void spaceToDepth(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t b = node.integer("blocksize", 1), c = x.size(1), h = x.size(2) / b, w = x.size(3) / b;
    const at::Tensor blocks = node.reshape(x, {x.size(0), c, h, b, w, b});
    node.out(node.reshape(node.permute(blocks, {0, 3, 5, 1, 2, 4}), {x.size(0), c * b * b, h, w}));
}

void identity(NodeRun& node) {
    node.out(node.item(0));
}

at::Tensor castTo(NodeRun& node, const at::Tensor& x, std::int32_t type) {
    const at::ScalarType storage = storageOf(type);
    if (type == Proto::UINT16 || type == Proto::UINT32)
        return node.op("aten::bitwise_and.Scalar",
                       {node.cast(node.cast(x, at::kLong), storage),
                        type == Proto::UINT16 ? std::int64_t{0xFFFF} : std::int64_t{0xFFFFFFFF}});
    return node.cast(x, storage);
}

void cast(NodeRun& node) {
    const auto type = static_cast<std::int32_t>(node.integer("to", Proto::FLOAT));
    node.out(castTo(node, node.in(0), type), type);
}

void castLike(NodeRun& node) {
    node.out(castTo(node, node.in(0), node.typeOf(1)), node.typeOf(1));
}

void trilu(NodeRun& node) {
    const std::int64_t k = node.has(1) ? node.integersOf(1).at(0) : 0;
    node.out(node.op(node.integer("upper", 1) != 0 ? "aten::triu" : "aten::tril", {node.in(0), k}));
}

void reverseSequence(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t batch = node.integer("batch_axis", 1), time = node.integer("time_axis", 0);
    const Integers lengths = node.integersOf(1);
    std::vector<at::Tensor> parts;
    for (std::int64_t i = 0; i < x.size(batch); ++i) {
        Integers places(static_cast<std::size_t>(x.size(time)));
        std::iota(places.begin(), places.end(), 0);
        const std::int64_t length = std::clamp<std::int64_t>(lengths.at(static_cast<std::size_t>(i)), 0, x.size(time));
        std::reverse(places.begin(), places.begin() + length);
        parts.push_back(node.pick(node.slice(x, batch, i, i + 1), time, at::tensor(places, at::kLong)));
    }
    node.out(node.cat(parts, batch));
}

constexpr std::array kOperators{
    OperatorEntry{"Cast", cast},         OperatorEntry{"CastLike", castLike},
    OperatorEntry{"Concat", concat},     OperatorEntry{"DepthToSpace", depthToSpace},
    OperatorEntry{"Expand", expand},     OperatorEntry{"Flatten", flatten},
    OperatorEntry{"Identity", identity}, OperatorEntry{"Pad", pad},
    OperatorEntry{"Reshape", reshape},   OperatorEntry{"ReverseSequence", reverseSequence},
    OperatorEntry{"Shape", shape},       OperatorEntry{"Size", size},
    OperatorEntry{"Slice", slice},       OperatorEntry{"SpaceToDepth", spaceToDepth},
    OperatorEntry{"Split", split},       OperatorEntry{"Squeeze", squeeze},
    OperatorEntry{"Tile", tile},         OperatorEntry{"Transpose", transpose},
    OperatorEntry{"Trilu", trilu},       OperatorEntry{"Unsqueeze", unsqueeze},
};

} // namespace

std::span<const OperatorEntry> shapeOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
