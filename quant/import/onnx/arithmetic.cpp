#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <array>
#include <cctype>

// Arithmetic, comparisons and logic of two or more tensors.
namespace fxp::quant::onnx_import {

namespace {

using Proto = ::onnx::TensorProto;

/// Integers are held in wider types where LibTorch has none of their own: their results wrap around as the type's do.
at::Tensor wrapped(NodeRun& node, const at::Tensor& x) {
    if (node.typeOf(0) == Proto::UINT16)
        return node.op("aten::bitwise_and.Scalar", {x, 0xFFFF});
    if (node.typeOf(0) == Proto::UINT32)
        return node.op("aten::bitwise_and.Scalar", {x, std::int64_t{0xFFFFFFFF}});
    return x;
}

/// A number of the file's without a name of its own, which broadcasting leaves the other's shape: PyTorch's programs
/// have it as a number, not as a tensor.
bool isNumber(NodeRun& node, const at::Tensor& x, const at::Tensor& other) {
    return x.numel() == 1 && x.dim() <= other.dim() && x.scalar_type() == at::kFloat && !node.isLive(x) &&
           node.isLive(other) && node.recorder().aliases().nameOf(x).empty();
}

at::Tensor binary(NodeRun& node, const std::string& name) {
    const at::Tensor &a = node.in(0), &b = node.in(1);
    if (isNumber(node, b, a))
        return node.op(name + ".Scalar", {a, b.item<double>()});
    const bool commutes = name == "aten::add" || name == "aten::mul";
    if (isNumber(node, a, b)) {
        if (commutes)
            return node.op(name + ".Scalar", {b, a.item<double>()});
        if (name == "aten::sub")
            return node.op("aten::rsub.Scalar", {b, a.item<double>()});
    }
    return node.op(name + ".Tensor", {a, b});
}

void add(NodeRun& node) {
    node.out(wrapped(node, binary(node, "aten::add")));
}

void sub(NodeRun& node) {
    node.out(wrapped(node, binary(node, "aten::sub")));
}

void mul(NodeRun& node) {
    node.out(wrapped(node, binary(node, "aten::mul")));
}

void div(NodeRun& node) {
    if (isFloat(node.typeOf(0)))
        node.out(binary(node, "aten::div"));
    else
        node.out(node.op("aten::div.Tensor_mode", {node.in(0), node.in(1), "trunc"}));
}

void mod(NodeRun& node) {
    const bool asC = node.integer("fmod", 0) != 0;
    node.out(node.op(asC ? "aten::fmod.Tensor" : "aten::remainder.Tensor", {node.in(0), node.in(1)}));
}

void pow(NodeRun& node) {
    const at::Tensor &x = node.in(0), &y = node.in(1);
    if (x.scalar_type() == at::kFloat && !node.isLive(y) && y.numel() == 1 && y.dim() <= x.dim()) {
        node.out(node.op("aten::pow.Tensor_Scalar", {x, y.item<double>()}));
        return;
    }
    // The result has the base's type. LibTorch raises integers to no negative power.
    const bool whole = x.scalar_type() != at::kFloat;
    const at::Tensor base = whole ? node.cast(x, at::kDouble) : x, exponent = node.cast(y, base.scalar_type());
    node.out(node.cast(node.op("aten::pow.Tensor_Tensor", {base, exponent}), x.scalar_type()));
}

template <const char* Name> void compare(NodeRun& node) {
    node.out(node.op(Name, {node.in(0), node.in(1)}), Proto::BOOL);
}
constexpr char kEqual[] = "aten::eq.Tensor";
constexpr char kGreater[] = "aten::gt.Tensor";
constexpr char kGreaterOrEqual[] = "aten::ge.Tensor";
constexpr char kLess[] = "aten::lt.Tensor";
constexpr char kLessOrEqual[] = "aten::le.Tensor";
constexpr char kAnd[] = "aten::logical_and";
constexpr char kOr[] = "aten::logical_or";
constexpr char kXor[] = "aten::logical_xor";

template <const char* Name> void bitwise(NodeRun& node) {
    node.out(node.op(Name, {node.in(0), node.in(1)}));
}
constexpr char kBitwiseAnd[] = "aten::bitwise_and.Tensor";
constexpr char kBitwiseOr[] = "aten::bitwise_or.Tensor";
constexpr char kBitwiseXor[] = "aten::bitwise_xor.Tensor";

void bitShift(NodeRun& node) {
    const bool left = node.text("direction", "") == "LEFT";
    const at::Tensor shifted = node.op(left ? "aten::bitwise_left_shift.Tensor" : "aten::bitwise_right_shift.Tensor",
                                       {node.in(0), node.in(1)});
    node.out(wrapped(node, shifted));
}

template <const char* Name> void variadic(NodeRun& node) {
    at::Tensor result = node.in(0);
    for (std::size_t i = 1; i < node.inputCount(); ++i)
        result = node.op(Name, {result, node.in(i)});
    node.out(result);
}
constexpr char kMax[] = "aten::maximum";
constexpr char kMin[] = "aten::minimum";
constexpr char kSum[] = "aten::add.Tensor";

void mean(NodeRun& node) {
    at::Tensor result = node.in(0);
    for (std::size_t i = 1; i < node.inputCount(); ++i)
        result = node.add(result, node.in(i));
    node.out(node.op("aten::div.Scalar", {result, static_cast<double>(node.inputCount())}));
}

void prelu(NodeRun& node) {
    const at::Tensor &x = node.in(0), &slope = node.in(1);
    // One slope, or one for each channel: [C, 1, 1], [1, C, 1, 1].
    const std::int64_t channels = slope.dim() - x.dim() + 1; // where broadcasting has them
    const bool byChannel = x.dim() > 1 && channels >= 0 && channels < slope.dim() &&
                           slope.size(channels) == x.size(1) && slope.numel() == slope.size(channels);
    if (x.scalar_type() == at::kFloat && slope.dim() <= x.dim() && (slope.numel() == 1 || byChannel)) {
        const at::Tensor weight = node.reshape(slope, {slope.numel()});
        node.nameParameter(weight, "weight");
        node.out(node.op("aten::prelu", {x, weight}));
        return;
    }
    const at::Tensor scaled = node.mul(x, slope);
    node.out(node.op("aten::where.self", {node.op("aten::lt.Scalar", {x, 0}), scaled, x}));
}

void where(NodeRun& node) {
    node.out(node.op("aten::where.self", {node.in(0), node.in(1), node.in(2)}), node.typeOf(1));
}

/// α · A′ · B′ + β · C, each as the attributes transpose it.
void gemm(NodeRun& node) {
    const double alpha = node.real("alpha", 1), beta = node.real("beta", 1);
    at::Tensor a = node.in(0), b = node.in(1), c = node.optional(2);
    if (node.integer("transA", 0) != 0)
        a = node.op("aten::t", {a});
    const bool isTransposed = node.integer("transB", 0) != 0;
    const bool isBias = !c.defined() || (c.dim() == 1 && c.size(0) == b.size(isTransposed ? 0 : 1));
    if (alpha == 1 && beta == 1 && isBias && a.scalar_type() == at::kFloat && !node.isLive(b)) {
        const at::Tensor weight = isTransposed ? b : node.op("aten::t", {b});
        node.out(node.op("aten::linear", {a, weight, c.defined() ? at::IValue(c) : at::IValue()}));
        return;
    }
    if (isTransposed)
        b = node.op("aten::t", {b});
    at::Tensor y = node.op("aten::matmul", {a, b});
    if (alpha != 1)
        y = node.op("aten::mul.Scalar", {y, alpha});
    if (c.defined())
        y = node.add(y, beta == 1 ? c : node.op("aten::mul.Scalar", {c, beta}));
    node.out(node.cast(y, node.in(0).scalar_type()));
}

void matmul(NodeRun& node) {
    node.out(node.op("aten::matmul", {node.in(0), node.in(1)}));
}

void einsum(NodeRun& node) {
    std::vector<at::Tensor> tensors;
    for (std::size_t i = 0; i < node.inputCount(); ++i)
        tensors.push_back(node.in(i));
    std::string equation;
    for (const char letter : node.text("equation", "")) {
        if (std::isspace(static_cast<unsigned char>(letter)) == 0)
            equation += letter;
    }
    node.out(node.op("aten::einsum", {equation, c10::List<at::Tensor>(tensors)}));
}

void cumSum(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t axis = node.axis(node.integersOf(1).at(0), x.dim());
    const bool reverse = node.integer("reverse", 0) != 0;
    const auto flipped = [&](const at::Tensor& t) {
        return reverse ? node.op("aten::flip", {t, std::vector<std::int64_t>{axis}}) : t;
    };
    at::Tensor sums = node.op("aten::cumsum", {flipped(x), axis, static_cast<std::int64_t>(x.scalar_type())});
    if (node.integer("exclusive", 0) != 0 && x.size(axis) > 0) {
        std::vector<std::int64_t> pads(static_cast<std::size_t>(2 * (x.dim() - axis)), 0);
        pads[pads.size() - 2] = 1;
        sums = node.op("aten::constant_pad_nd", {node.slice(sums, axis, 0, x.size(axis) - 1), pads, 0});
    }
    node.out(flipped(sums));
}

constexpr std::array kOperators{
    OperatorEntry{"Add", add},
    OperatorEntry{"And", compare<kAnd>},
    OperatorEntry{"BitShift", bitShift},
    OperatorEntry{"BitwiseAnd", bitwise<kBitwiseAnd>},
    OperatorEntry{"BitwiseOr", bitwise<kBitwiseOr>},
    OperatorEntry{"BitwiseXor", bitwise<kBitwiseXor>},
    OperatorEntry{"CumSum", cumSum},
    OperatorEntry{"Div", div},
    OperatorEntry{"Einsum", einsum},
    OperatorEntry{"Equal", compare<kEqual>},
    OperatorEntry{"Gemm", gemm},
    OperatorEntry{"Greater", compare<kGreater>},
    OperatorEntry{"GreaterOrEqual", compare<kGreaterOrEqual>},
    OperatorEntry{"Less", compare<kLess>},
    OperatorEntry{"LessOrEqual", compare<kLessOrEqual>},
    OperatorEntry{"MatMul", matmul},
    OperatorEntry{"Max", variadic<kMax>},
    OperatorEntry{"Mean", mean},
    OperatorEntry{"Min", variadic<kMin>},
    OperatorEntry{"Mod", mod},
    OperatorEntry{"Mul", mul},
    OperatorEntry{"Or", compare<kOr>},
    OperatorEntry{"PRelu", prelu},
    OperatorEntry{"Pow", pow},
    OperatorEntry{"Sub", sub},
    OperatorEntry{"Sum", variadic<kSum>},
    OperatorEntry{"Where", where},
    OperatorEntry{"Xor", compare<kXor>},
};

} // namespace

std::span<const OperatorEntry> arithmeticOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
