#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <array>

// Sequences of tensors, and optional values.
namespace fxp::quant::onnx_import {

namespace {

using Proto = ::onnx::TensorProto;
using Items = std::vector<Item>;

const Items& sequence(const NodeRun& node, std::size_t i) {
    const Item& item = node.item(i);
    if (!item.sequence)
        node.fail("its input " + std::to_string(i) + " is a tensor, not a sequence");
    return *item.sequence;
}

void give(NodeRun& node, Items items) {
    node.out(Item{{}, 0, std::make_shared<const Items>(std::move(items))});
}

std::size_t place(NodeRun& node, std::size_t input, std::size_t count) {
    const std::int64_t given = node.integersOf(input).at(0), size = static_cast<std::int64_t>(count);
    const std::int64_t found = given < 0 ? given + size : given;
    if (found < 0 || found >= size)
        node.fail("asks for element " + std::to_string(given) + " of a sequence of " + std::to_string(size));
    return static_cast<std::size_t>(found);
}

void construct(NodeRun& node) {
    Items items;
    for (std::size_t i = 0; i < node.inputCount(); ++i)
        items.push_back(node.item(i));
    give(node, std::move(items));
}

void empty(NodeRun& node) {
    give(node, {});
}

void element(NodeRun& node) {
    const Items& items = sequence(node, 0);
    node.out(items[place(node, 1, items.size())]);
}

void length(NodeRun& node) {
    node.out(::at::scalar_tensor(static_cast<std::int64_t>(sequence(node, 0).size()), ::at::kLong), Proto::INT64);
}

void insert(NodeRun& node) {
    Items items = sequence(node, 0);
    const std::size_t before = node.has(2) ? place(node, 2, items.size() + 1) : items.size();
    items.insert(items.begin() + static_cast<std::ptrdiff_t>(before), node.item(1));
    give(node, std::move(items));
}

void erase(NodeRun& node) {
    Items items = sequence(node, 0);
    const std::size_t gone = node.has(1) ? place(node, 1, items.size()) : items.size() - 1;
    if (items.empty())
        node.fail("takes an element out of an empty sequence");
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(gone));
    give(node, std::move(items));
}

void concat(NodeRun& node) {
    std::vector<::at::Tensor> parts;
    for (const Item& item : sequence(node, 0))
        parts.push_back(item.tensor);
    const std::int64_t axis = node.integer("axis", 0);
    if (node.integer("new_axis", 0) != 0)
        node.out(node.op("aten::stack", {c10::List<::at::Tensor>(parts), axis}));
    else
        node.out(node.cat(parts, axis));
}

void split(NodeRun& node) {
    const ::at::Tensor& x = node.in(0);
    const std::int64_t axis = node.axis(node.integer("axis", 0), x.dim());
    const bool keep = node.has(1) || node.integer("keepdims", 1) != 0;
    std::vector<std::int64_t> sizes;
    if (node.has(1) && node.in(1).dim() > 0) {
        sizes = node.integersOf(1);
    } else {
        const std::int64_t each = node.has(1) ? std::max<std::int64_t>(node.integersOf(1).at(0), 1) : 1;
        for (std::int64_t left = x.size(axis); left > 0; left -= each)
            sizes.push_back(std::min(each, left));
    }
    Items items;
    for (const ::at::Tensor& part : node.all("aten::split_with_sizes", {x, sizes, axis}))
        items.push_back({keep ? part : node.op("aten::squeeze.dim", {part, axis}), node.typeOf(0), nullptr});
    give(node, std::move(items));
}

void optional(NodeRun& node) {
    node.out(node.has(0) ? node.item(0) : Item{});
}

void hasElement(NodeRun& node) {
    node.out(::at::scalar_tensor(node.has(0), ::at::kBool), Proto::BOOL);
}

void getElement(NodeRun& node) {
    node.out(node.item(0));
}

constexpr std::array kOperators{
    OperatorEntry{"ConcatFromSequence", concat},
    OperatorEntry{"Optional", optional},
    OperatorEntry{"OptionalGetElement", getElement},
    OperatorEntry{"OptionalHasElement", hasElement},
    OperatorEntry{"SequenceAt", element},
    OperatorEntry{"SequenceConstruct", construct},
    OperatorEntry{"SequenceEmpty", empty},
    OperatorEntry{"SequenceErase", erase},
    OperatorEntry{"SequenceInsert", insert},
    OperatorEntry{"SequenceLength", length},
    OperatorEntry{"SplitToSequence", split},
};

} // namespace

std::span<const OperatorEntry> sequenceOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
