#include "quant/core/error.h"
#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/interpreter.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

// Quantizers of a file: pairs of QuantizeLinear and DequantizeLinear, with a Clip between them, and QONNX's Quant.
// Where their format has a slot, they leave the value as it is; dequantized weights are constants on their format's
// grid.
namespace fxp::quant::onnx_import {

namespace {

std::vector<double> numbersOf(const at::Tensor& tensor) {
    const at::Tensor numbers = tensor.to(at::kDouble).contiguous().flatten();
    return {numbers.data_ptr<double>(), numbers.data_ptr<double>() + numbers.numel()};
}

std::vector<std::int64_t> integersOf(const at::Tensor& tensor) {
    std::vector<std::int64_t> integers;
    for (const double number : numbersOf(tensor))
        integers.push_back(static_cast<std::int64_t>(std::rint(number)));
    return integers;
}

const ::onnx::AttributeProto* attributeOf(const ::onnx::NodeProto& node, const char* name) {
    const auto& all = node.attribute();
    const auto found = std::ranges::find(all, name, [](const auto& attribute) { return attribute.name(); });
    return found == all.end() ? nullptr : &*found;
}

/// Scale and zero point of one quantizer; `zero` may be absent.
QuantizerRange rangeOf(const at::Tensor& scale, const at::Tensor* zero, int axis) {
    QuantizerRange range;
    range.scale = numbersOf(scale);
    range.zeroPoint = zero ? integersOf(*zero) : std::vector<std::int64_t>(range.scale.size(), 0);
    if (range.zeroPoint.size() == 1)
        range.zeroPoint.resize(range.scale.size(), range.zeroPoint[0]);
    range.axis = range.scale.size() > 1 ? axis : -1;
    return range;
}

int axisOf(const ::onnx::NodeProto& node, std::int64_t rank) {
    const auto* attribute = attributeOf(node, "axis");
    const std::int64_t axis = attribute ? attribute->i() : 1;
    return static_cast<int>(axis < 0 ? axis + rank : axis);
}

bool isSame(const at::Tensor* a, const at::Tensor* b) {
    return (!a && !b) || (a && b && a->scalar_type() == b->scalar_type() && at::equal(*a, *b));
}

} // namespace

/// The nodes that read a value; none where a graph inside or the model's outputs read it too.
std::vector<std::size_t> Interpreter::soleReaders(const Frame& frame, const std::string& name) const {
    const auto readers = frame.readers.find(name);
    if (!frame.graph || readers == frame.readers.end() ||
        m_model.readersOf(*frame.graph, name) != static_cast<int>(readers->second.size()))
        return {};
    return readers->second;
}

/// Narrows the range to what a Clip of constants on the integers lets through, and follows it.
bool Interpreter::followClip(Frame& frame, std::vector<std::size_t>& readers, QuantizerRange& range) {
    const ::onnx::NodeProto& clip = *frame.nodes[readers[0]];
    if (readers.size() != 1 || clip.op_type() != "Clip")
        return true;
    for (int i = 1; i < clip.input_size(); ++i) {
        if (clip.input(i).empty())
            continue;
        const at::Tensor* bound = constantOf(frame, clip.input(i));
        if (!bound || bound->numel() != 1)
            return false;
        const std::int64_t value = integersOf(*bound)[0];
        (i == 1 ? range.low : range.high) = i == 1 ? std::max(range.low, value) : std::min(range.high, value);
    }
    readers = soleReaders(frame, clip.output(0));
    return !readers.empty();
}

bool Interpreter::runPair(Frame& frame, std::size_t index, const std::vector<Item>& inputs, OperatorScope& scope) {
    const ::onnx::NodeProto& node = *frame.nodes[index];
    if (node.op_type() != "QuantizeLinear" || m_model.keepsArithmetic(node) || inputs.size() < 2 || inputs.size() > 3)
        return false;
    const at::Tensor& x = inputs[0].tensor;
    const at::Tensor* scale = constantOf(frame, node.input(1));
    const at::Tensor* zero = inputs.size() > 2 ? constantOf(frame, node.input(2)) : nullptr;
    if (!x.defined() || x.scalar_type() != at::kFloat || !scale || scale->dim() > 1 || (inputs.size() > 2 && !zero))
        return false;
    QuantizerRange range = rangeOf(*scale, zero, axisOf(node, x.dim()));
    const IntegerRange all = onnx_import::rangeOf(zero ? inputs[2].type : ::onnx::TensorProto::UINT8);
    range.low = all.low;
    range.high = all.high;
    std::vector<std::size_t> readers = soleReaders(frame, node.output(0));
    if (readers.empty() || attributeOf(node, "output_dtype") || attributeOf(node, "block_size"))
        return false;
    const std::size_t first = readers[0];
    if (!followClip(frame, readers, range))
        return false;
    for (const std::size_t reader : readers) {
        const ::onnx::NodeProto& back = *frame.nodes[reader];
        if (back.op_type() != "DequantizeLinear" || back.input_size() < 2 ||
            !isSame(scale, constantOf(frame, back.input(1))) ||
            !isSame(zero, back.input_size() > 2 ? constantOf(frame, back.input(2)) : nullptr))
            return false;
    }
    const auto format = formatOf(range);
    if (!format)
        return false;
    const at::Tensor y = noteFormat(frame, index, x, *format, scope);
    // Where the pair stands in several modules, these hand on the integers.
    frame.values[node.output(0)] =
        frame.values[frame.nodes[first]->output(0)] = {y, ::onnx::TensorProto::FLOAT, nullptr};
    frame.state[first] = 2; // the Clip
    for (const std::size_t reader : readers) {
        frame.values[frame.nodes[reader]->output(0)] = {y, ::onnx::TensorProto::FLOAT, nullptr};
        frame.state[reader] = 2;
    }
    return true;
}

at::Tensor Interpreter::noteFormat(Frame& frame, std::size_t index, const at::Tensor& x, const QType& format,
                                   OperatorScope& scope) {
    if (!m_recorder.aliases().isLive(x)) {
        m_formats.push_back({format, {}, x, frame.nodes[index]});
        return x;
    }
    // A value of its own: others may read x as it is.
    const at::Tensor y = start(frame, index, {}, scope).op("aten::clone", {x, at::IValue()});
    m_formats.push_back({format, m_recorder.valueOf(y), {}, frame.nodes[index]});
    return y;
}

void Interpreter::noteWeights(Frame& frame, std::size_t index, const std::vector<Item>& inputs, const Item& result) {
    const ::onnx::NodeProto& node = *frame.nodes[index];
    if (node.op_type() != "DequantizeLinear" || inputs.size() < 2 || !result.tensor.defined() ||
        m_recorder.aliases().isLive(result.tensor) || inputs[1].tensor.dim() > 1)
        return;
    QuantizerRange range =
        rangeOf(inputs[1].tensor, inputs.size() > 2 ? &inputs[2].tensor : nullptr, axisOf(node, result.tensor.dim()));
    const IntegerRange all = onnx_import::rangeOf(inputs[0].type);
    range.low = all.low;
    range.high = all.high;
    if (const auto format = formatOf(range))
        m_formats.push_back({*format, {}, result.tensor, &node});
}

void Interpreter::runQonnx(Frame& frame, std::size_t index, const std::vector<Item>& inputs, OperatorScope& scope) {
    const ::onnx::NodeProto& node = *frame.nodes[index];
    NodeRun run = start(frame, index, inputs, scope);
    if (inputs.size() != 4)
        run.fail("needs a scale, a zero point and a number of bits");
    const at::Tensor &x = run.in(0), &scale = run.in(1), &zero = run.in(2), &bits = run.in(3);
    for (const std::size_t i : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
        if (run.isLive(run.in(i)))
            run.fail("has a scale, zero point or number of bits that is computed", "export the model with constants");
    }
    const double width = bits.numel() == 1 ? numbersOf(bits)[0] : 0;
    if (!(width >= 1 && width <= 32) || width != std::rint(width))
        run.fail("has a number of bits that is not a whole number up to 32");
    int axis = -1;
    for (std::int64_t i = 0; i < scale.dim(); ++i) {
        if (scale.size(i) > 1)
            axis = static_cast<int>(i + x.dim() - scale.dim());
    }
    QuantizerRange range = rangeOf(scale, &zero, axis);
    const bool isSigned = run.integer("signed", 1) != 0, narrow = run.integer("narrow", 0) != 0;
    const std::int64_t all = std::int64_t{1} << static_cast<int>(width);
    range.low = isSigned ? -all / 2 + (narrow ? 1 : 0) : 0;
    range.high = isSigned ? all / 2 - 1 : all - 1 - (narrow ? 1 : 0);
    const std::string rounding = run.text("rounding_mode", "ROUND");
    range.rounding = rounding == "CEIL"            ? Rounding::Ceil
                     : rounding == "FLOOR"         ? Rounding::Floor
                     : rounding == "ROUND_TO_ZERO" ? Rounding::Trunc
                                                   : Rounding::Round;
    const auto format = formatOf(range);
    if (format && !m_model.keepsArithmetic(node)) {
        frame.values[node.output(0)] = {noteFormat(frame, index, x, *format, scope), ::onnx::TensorProto::FLOAT,
                                        nullptr};
        return;
    }
    const char* round = range.rounding == Rounding::Ceil    ? "aten::ceil"
                        : range.rounding == Rounding::Floor ? "aten::floor"
                        : range.rounding == Rounding::Trunc ? "aten::trunc"
                                                            : "aten::round";
    const at::Tensor q = run.op(round, {run.add(run.div(x, scale), zero)});
    const at::Tensor bounded =
        run.op("aten::clamp", {q, static_cast<double>(range.low), static_cast<double>(range.high)});
    frame.values[node.output(0)] = {run.mul(run.sub(bounded, zero), scale), ::onnx::TensorProto::FLOAT, nullptr};
}

} // namespace fxp::quant::onnx_import
