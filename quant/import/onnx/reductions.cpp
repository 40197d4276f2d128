#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace fxp::quant::onnx_import {

namespace {

using Integers = std::vector<std::int64_t>;

struct Reduction {
    at::Tensor x;
    Integers axes;
    bool keep = true;
    bool isIdentity = false;
};

Reduction reductionOf(NodeRun& node) {
    Reduction found{node.in(0), {}, node.integer("keepdims", 1) != 0, false};
    Integers axes = node.integers("axes");
    if (node.has(1))
        axes = node.integersOf(1);
    for (const std::int64_t axis : axes)
        found.axes.push_back(node.axis(axis, found.x.dim()));
    if (axes.empty() && node.integer("noop_with_empty_axes", 0) != 0)
        found.isIdentity = true;
    else if (axes.empty()) {
        found.axes.resize(static_cast<std::size_t>(found.x.dim()));
        std::iota(found.axes.begin(), found.axes.end(), 0);
    }
    return found;
}

at::Tensor summed(NodeRun& node, const Reduction& r, const at::Tensor& x) {
    if (r.isIdentity || r.axes.empty())
        return x;
    return node.op("aten::sum.dim_IntList", {x, r.axes, r.keep, static_cast<std::int64_t>(x.scalar_type())});
}

void sum(NodeRun& node) {
    const Reduction r = reductionOf(node);
    node.out(summed(node, r, r.x));
}

void mean(NodeRun& node) {
    const Reduction r = reductionOf(node);
    if (r.isIdentity || r.axes.empty()) {
        node.out(r.x);
        return;
    }
    const at::Tensor x = node.cast(r.x, at::kFloat);
    if (node.moduleClass() == "AdaptiveAvgPool2d" && r.keep && r.axes.size() == 2 && x.dim() > 2 &&
        std::min(r.axes[0], r.axes[1]) == x.dim() - 2 && r.axes[0] + r.axes[1] == 2 * x.dim() - 3) {
        node.out(node.op("aten::adaptive_avg_pool2d", {x, Integers{1, 1}}));
        return;
    }
    node.out(node.cast(node.op("aten::mean.dim", {x, r.axes, r.keep}), r.x.scalar_type()));
}

void prod(NodeRun& node) {
    const Reduction r = reductionOf(node);
    at::Tensor y = r.x;
    Integers axes = r.axes;
    std::ranges::sort(axes, std::greater<>());
    for (const std::int64_t axis : axes)
        y = node.op("aten::prod.dim_int", {y, axis, r.keep, static_cast<std::int64_t>(y.scalar_type())});
    node.out(y);
}

void extreme(NodeRun& node, const char* name) {
    const Reduction r = reductionOf(node);
    if (r.isIdentity || r.axes.empty()) {
        node.out(r.x);
        return;
    }
    const bool isBool = r.x.scalar_type() == at::kBool;
    const at::Tensor x = isBool ? node.cast(r.x, at::kByte) : r.x;
    node.out(node.cast(node.op(name, {x, r.axes, r.keep}), r.x.scalar_type()));
}

void max(NodeRun& node) {
    extreme(node, "aten::amax");
}

void min(NodeRun& node) {
    extreme(node, "aten::amin");
}

void l1(NodeRun& node) {
    const Reduction r = reductionOf(node);
    node.out(summed(node, r, node.op("aten::abs", {r.x})));
}

void sumSquare(NodeRun& node) {
    const Reduction r = reductionOf(node);
    node.out(summed(node, r, node.op("aten::mul.Tensor", {r.x, r.x})));
}

void l2(NodeRun& node) {
    const Reduction r = reductionOf(node);
    node.out(node.op("aten::sqrt", {summed(node, r, node.op("aten::mul.Tensor", {r.x, r.x}))}));
}

void logSum(NodeRun& node) {
    const Reduction r = reductionOf(node);
    node.out(node.op("aten::log", {summed(node, r, r.x)}));
}

void logSumExp(NodeRun& node) {
    const Reduction r = reductionOf(node);
    if (r.isIdentity || r.axes.empty())
        node.out(r.x);
    else
        node.out(node.op("aten::logsumexp", {r.x, r.axes, r.keep}));
}

void extremePlace(NodeRun& node, const char* name) {
    at::Tensor x = node.in(0);
    const std::int64_t axis = node.axis(node.integer("axis", 0), x.dim());
    const bool keep = node.integer("keepdims", 1) != 0, last = node.integer("select_last_index", 0) != 0;
    if (last)
        x = node.op("aten::flip", {x, Integers{axis}});
    at::Tensor place = node.op(name, {x, axis, keep});
    if (last)
        place = node.op("aten::rsub.Scalar", {place, x.size(axis) - 1});
    node.out(place, ::onnx::TensorProto::INT64);
}

void argMax(NodeRun& node) {
    extremePlace(node, "aten::argmax");
}

void argMin(NodeRun& node) {
    extremePlace(node, "aten::argmin");
}

constexpr std::array kOperators{
    OperatorEntry{"ArgMax", argMax},       OperatorEntry{"ArgMin", argMin},
    OperatorEntry{"ReduceL1", l1},         OperatorEntry{"ReduceL2", l2},
    OperatorEntry{"ReduceLogSum", logSum}, OperatorEntry{"ReduceLogSumExp", logSumExp},
    OperatorEntry{"ReduceMax", max},       OperatorEntry{"ReduceMean", mean},
    OperatorEntry{"ReduceMin", min},       OperatorEntry{"ReduceProd", prod},
    OperatorEntry{"ReduceSum", sum},       OperatorEntry{"ReduceSumSquare", sumSquare},
};

} // namespace

std::span<const OperatorEntry> reductionOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
