#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <array>
#include <map>

// Operators that look values up by index, or write them there.
namespace fxp::quant::onnx_import {

namespace {

using Proto = ::onnx::TensorProto;
using Integers = std::vector<std::int64_t>;

/// Places counted from the end become those from the start.
at::Tensor fromStart(NodeRun& node, const at::Tensor& index, std::int64_t size) {
    const at::Tensor wide = node.cast(index, at::kLong);
    if (!node.isLive(index))
        return at::where(wide < 0, wide + size, wide);
    return node.op("aten::remainder.Scalar", {wide, std::max<std::int64_t>(size, 1)});
}

void gather(NodeRun& node) {
    const at::Tensor &x = node.in(0), &index = node.in(1);
    const std::int64_t axis = node.axis(node.integer("axis", 0), x.dim());
    if (index.dim() == 0 && !node.isLive(index)) {
        node.out(node.op("aten::select.int", {x, axis, index.item().toLong()}));
        return;
    }
    const at::Tensor places = fromStart(node, index, x.size(axis));
    if (axis == 0 && x.dim() == 2 && x.scalar_type() == at::kFloat && !node.isLive(x)) {
        node.out(node.op("aten::embedding", {x, places}));
        return;
    }
    Integers shape = x.sizes().slice(0, static_cast<std::size_t>(axis)).vec();
    shape.insert(shape.end(), places.sizes().begin(), places.sizes().end());
    shape.insert(shape.end(), x.sizes().begin() + axis + 1, x.sizes().end());
    const at::Tensor found = node.pick(x, axis, node.reshape(places, {-1}));
    node.out(places.dim() == 1 ? found : node.reshape(found, shape));
}

void gatherElements(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t axis = node.axis(node.integer("axis", 0), x.dim());
    node.out(node.op("aten::gather", {x, axis, fromStart(node, node.in(1), x.size(axis))}));
}

/// Indices [..., k] of the first k dimensions as indices into those dimensions laid out in one.
at::Tensor flatPlaces(NodeRun& node, const at::Tensor& indices, at::IntArrayRef sizes) {
    at::Tensor flat;
    for (std::int64_t i = 0; i < indices.size(-1); ++i) {
        const at::Tensor one =
            fromStart(node, node.op("aten::select.int", {indices, -1, i}), sizes[static_cast<std::size_t>(i)]);
        flat = flat.defined() ? node.add(node.op("aten::mul.Scalar", {flat, sizes[static_cast<std::size_t>(i)]}), one)
                              : one;
    }
    return flat;
}

void gatherNd(NodeRun& node) {
    const std::int64_t batch = node.integer("batch_dims", 0);
    const at::Tensor &x = node.in(0), &indices = node.in(1);
    const std::int64_t k = indices.size(-1);
    // Batches lie in one dimension in front.
    std::int64_t batches = 1;
    for (std::int64_t i = 0; i < batch; ++i)
        batches *= x.size(i);
    Integers rest = x.sizes().slice(static_cast<std::size_t>(batch + k)).vec();
    Integers flatShape{batches, -1};
    flatShape.insert(flatShape.end(), rest.begin(), rest.end());
    const at::Tensor flat = node.reshape(x, flatShape);
    const at::Tensor places =
        node.reshape(flatPlaces(node, indices, x.sizes().slice(static_cast<std::size_t>(batch))), {batches, -1});
    const at::Tensor offsets = at::arange(batches).reshape({-1, 1}).mul(flat.size(1));
    Integers all{-1};
    all.insert(all.end(), rest.begin(), rest.end());
    const at::Tensor found =
        node.pick(node.reshape(flat, all), 0, node.reshape(batches == 1 ? places : node.add(places, offsets), {-1}));
    Integers shape(indices.sizes().begin(), indices.sizes().end() - 1);
    shape.insert(shape.end(), rest.begin(), rest.end());
    node.out(node.reshape(found, shape));
}

at::Tensor scatter(NodeRun& node, const at::Tensor& x, std::int64_t axis, const at::Tensor& places,
                   const at::Tensor& updates, const std::string& reduction) {
    if (reduction == "none")
        return node.op("aten::scatter.src", {x, axis, places, updates});
    if (reduction == "add")
        return node.op("aten::scatter_add", {x, axis, places, updates});
    static const std::map<std::string, std::string> kNames{{"mul", "prod"}, {"max", "amax"}, {"min", "amin"}};
    const auto known = kNames.find(reduction);
    if (known == kNames.end())
        node.fail("has the unknown reduction " + reduction);
    return node.op("aten::scatter_reduce.two", {x, axis, places, updates, known->second, true});
}

void scatterElements(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t axis = node.axis(node.integer("axis", 0), x.dim());
    node.out(
        scatter(node, x, axis, fromStart(node, node.in(1), x.size(axis)), node.in(2), node.text("reduction", "none")));
}

void scatterNd(NodeRun& node) {
    const at::Tensor &x = node.in(0), &indices = node.in(1), &updates = node.in(2);
    const std::int64_t k = indices.size(-1);
    Integers rest = x.sizes().slice(static_cast<std::size_t>(k)).vec();
    std::int64_t each = 1;
    for (const std::int64_t size : rest)
        each *= size;
    const at::Tensor places = node.reshape(flatPlaces(node, indices, x.sizes()), {-1, 1});
    const at::Tensor wide = node.op("aten::expand", {places, Integers{places.size(0), each}});
    const at::Tensor written = scatter(node, node.reshape(x, {-1, each}), 0, wide, node.reshape(updates, {-1, each}),
                                       node.text("reduction", "none"));
    node.out(node.reshape(written, x.sizes().vec()));
}

void oneHot(NodeRun& node) {
    const at::Tensor& indices = node.in(0);
    const std::int64_t depth = node.integersOf(1).at(0);
    std::int64_t axis = node.integer("axis", -1);
    axis = axis < 0 ? axis + indices.dim() + 1 : axis;
    const at::Tensor places = node.op("aten::unsqueeze", {fromStart(node, indices, depth), axis});
    Integers along(static_cast<std::size_t>(indices.dim() + 1), 1);
    along[static_cast<std::size_t>(axis)] = -1;
    // An index beyond the depth is nowhere; fromStart leaves those of constants alone.
    const at::Tensor inside = node.cast(indices, at::kLong);
    const at::Tensor valid =
        node.op("aten::unsqueeze", {node.op("aten::logical_and", {node.op("aten::ge.Scalar", {inside, -depth}),
                                                                  node.op("aten::lt.Scalar", {inside, depth})}),
                                    axis});
    const at::Tensor hot =
        node.op("aten::logical_and", {node.op("aten::eq.Tensor", {places, at::arange(depth).reshape(along)}), valid});
    const at::Tensor off = node.op("aten::select.int", {node.in(2), 0, 0}),
                     on = node.op("aten::select.int", {node.in(2), 0, 1});
    node.out(node.op("aten::where.self", {hot, on, off}), node.typeOf(2));
}

void nonZero(NodeRun& node) {
    at::Tensor x = node.in(0);
    if (x.dim() == 0)
        x = node.reshape(x, {1});
    node.out(node.op("aten::t", {node.op("aten::nonzero", {x})}), Proto::INT64);
}

void compress(NodeRun& node) {
    const Integers condition = node.integersOf(1);
    Integers places;
    for (std::size_t i = 0; i < condition.size(); ++i) {
        if (condition[i] != 0)
            places.push_back(static_cast<std::int64_t>(i));
    }
    const bool whole = !node.hasAttribute("axis");
    const at::Tensor x = whole ? node.reshape(node.in(0), {-1}) : node.in(0);
    const std::int64_t axis = whole ? 0 : node.axis(node.integer("axis", 0), x.dim());
    std::erase_if(places, [&](std::int64_t place) { return place >= x.size(axis); });
    node.out(node.pick(x, axis, at::tensor(places, at::kLong)));
}

void topK(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t axis = node.axis(node.integer("axis", -1), x.dim());
    const std::int64_t k = node.hasAttribute("k") ? node.integer("k", 1) : node.integersOf(1).at(0);
    const bool largest = node.integer("largest", 1) != 0;
    // Of equal values the first comes first, which aten::topk leaves open.
    const auto sorted = node.all("aten::sort.stable", {x, true, axis, largest});
    node.out(node.slice(sorted.at(0), axis, 0, k));
    node.out(node.slice(sorted.at(1), axis, 0, k), Proto::INT64);
}

void unique(NodeRun& node) {
    const bool whole = !node.hasAttribute("axis");
    const at::Tensor x = whole ? node.reshape(node.in(0), {-1}) : node.in(0);
    const std::int64_t axis = whole ? 0 : node.axis(node.integer("axis", 0), x.dim());
    // Which elements there are depends on the values: the places are found here, and only the elements recorded.
    const at::Tensor rows = node.read(x).transpose(0, axis).reshape({x.size(axis), -1}).contiguous();
    const auto [distinct, inverse, counts] = at::unique_dim(rows, 0, true, true, true);
    const std::int64_t n = distinct.size(0);
    at::Tensor first = at::full({n}, x.size(axis), at::kLong);
    first = first.scatter_reduce(0, inverse, at::arange(x.size(axis)), "amin", true);
    at::Tensor order = at::arange(n), back = order;
    if (node.integer("sorted", 1) == 0) {
        order = first.argsort();
        back = order.argsort();
    }
    node.out(node.pick(x, axis, first.index_select(0, order)));
    node.out(first.index_select(0, order), Proto::INT64);
    node.out(back.index_select(0, inverse), Proto::INT64);
    node.out(counts.index_select(0, order), Proto::INT64);
}

constexpr std::array kOperators{
    OperatorEntry{"Compress", compress},
    OperatorEntry{"Gather", gather},
    OperatorEntry{"GatherElements", gatherElements},
    OperatorEntry{"GatherND", gatherNd},
    OperatorEntry{"NonZero", nonZero},
    OperatorEntry{"OneHot", oneHot},
    OperatorEntry{"Scatter", scatterElements},
    OperatorEntry{"ScatterElements", scatterElements},
    OperatorEntry{"ScatterND", scatterNd},
    OperatorEntry{"TopK", topK},
    OperatorEntry{"Unique", unique},
};

} // namespace

std::span<const OperatorEntry> indexingOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
