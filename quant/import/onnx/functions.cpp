#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>

// Functions of one tensor, element by element.
namespace fxp::quant::onnx_import {

namespace {

/// Those that are one operator of LibTorch without further arguments.
template <const char* Name> void plain(NodeRun& node) {
    node.out(node.op(Name, {node.in(0)}));
}

#define FXP_PLAIN(onnx, torch) constexpr char k##onnx[] = "aten::" torch

FXP_PLAIN(Abs, "abs");
FXP_PLAIN(Acos, "acos");
FXP_PLAIN(Acosh, "acosh");
FXP_PLAIN(Asin, "asin");
FXP_PLAIN(Asinh, "asinh");
FXP_PLAIN(Atan, "atan");
FXP_PLAIN(Atanh, "atanh");
FXP_PLAIN(Ceil, "ceil");
FXP_PLAIN(Cos, "cos");
FXP_PLAIN(Cosh, "cosh");
FXP_PLAIN(Erf, "erf");
FXP_PLAIN(Exp, "exp");
FXP_PLAIN(Floor, "floor");
FXP_PLAIN(Log, "log");
FXP_PLAIN(Neg, "neg");
FXP_PLAIN(Reciprocal, "reciprocal");
FXP_PLAIN(Relu, "relu");
FXP_PLAIN(Round, "round");
FXP_PLAIN(Sigmoid, "sigmoid");
FXP_PLAIN(Sign, "sign");
FXP_PLAIN(Sin, "sin");
FXP_PLAIN(Sinh, "sinh");
FXP_PLAIN(Sqrt, "sqrt");
FXP_PLAIN(Tan, "tan");
FXP_PLAIN(Tanh, "tanh");
FXP_PLAIN(HardSwish, "hardswish");
FXP_PLAIN(Mish, "mish");
FXP_PLAIN(Softplus, "softplus");
FXP_PLAIN(Not, "logical_not");
FXP_PLAIN(BitwiseNot, "bitwise_not");
FXP_PLAIN(IsNaN, "isnan");
FXP_PLAIN(Det, "det");

#undef FXP_PLAIN

void softsign(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    node.out(node.div(x, node.op("aten::add.Scalar", {node.op("aten::abs", {x}), 1.0})));
}

void elu(NodeRun& node) {
    node.out(node.op("aten::elu", {node.in(0), node.real("alpha", 1)}));
}

void selu(NodeRun& node) {
    // The attributes are float32, and so are the defaults of the operator's definition.
    const double alpha = node.real("alpha", static_cast<double>(1.67326319217681884765625F));
    const double gamma = node.real("gamma", static_cast<double>(1.05070102214813232421875F));
    node.out(node.op("aten::elu", {node.in(0), alpha, gamma}));
}

void celu(NodeRun& node) {
    node.out(node.op("aten::celu", {node.in(0), node.real("alpha", 1)}));
}

void leakyRelu(NodeRun& node) {
    node.out(node.op("aten::leaky_relu", {node.in(0), node.real("alpha", static_cast<double>(0.01F))}));
}

void thresholdedRelu(NodeRun& node) {
    node.out(node.op("aten::threshold", {node.in(0), node.real("alpha", 1), 0.0}));
}

void hardSigmoid(NodeRun& node) {
    const double alpha = node.real("alpha", static_cast<double>(0.2F)), beta = node.real("beta", 0.5);
    if (std::abs(alpha - 1.0 / 6) < 1e-7 && beta == 0.5) {
        node.out(node.op("aten::hardsigmoid", {node.in(0)}));
        return;
    }
    const at::Tensor line = node.op("aten::add.Scalar", {node.op("aten::mul.Scalar", {node.in(0), alpha}), beta});
    node.out(node.op("aten::clamp", {line, 0.0, 1.0}));
}

void gelu(NodeRun& node) {
    node.out(node.op("aten::gelu", {node.in(0), node.text("approximate", "none")}));
}

void shrink(NodeRun& node) {
    const double lambda = node.real("lambd", 0.5), bias = node.real("bias", 0);
    const at::Tensor& x = node.in(0);
    const at::Tensor zero = at::zeros({}, x.options());
    const at::Tensor above =
        node.op("aten::where.self", {node.op("aten::gt.Scalar", {x, lambda}),
                                     node.cast(node.op("aten::sub.Scalar", {x, bias}), x.scalar_type()), zero});
    node.out(node.op("aten::where.self", {node.op("aten::lt.Scalar", {x, -lambda}),
                                          node.cast(node.op("aten::add.Scalar", {x, bias}), x.scalar_type()), above}));
}

void isInf(NodeRun& node) {
    const bool negative = node.integer("detect_negative", 1) != 0, positive = node.integer("detect_positive", 1) != 0;
    if (negative && positive)
        node.out(node.op("aten::isinf", {node.in(0)}));
    else if (negative || positive)
        node.out(node.op(negative ? "aten::isneginf" : "aten::isposinf", {node.in(0)}));
    else
        node.out(at::zeros(node.in(0).sizes(), at::kBool));
}

/// Older versions look at the input as a matrix, of the dimensions before the axis and those from it.
void softmaxLike(NodeRun& node, const std::string& name) {
    const at::Tensor& x = node.in(0);
    const bool matrix = node.opset() < 13;
    const std::int64_t axis = node.axis(node.integer("axis", matrix ? 1 : -1), x.dim());
    if (!matrix || axis == x.dim() - 1) {
        node.out(node.op(name, {x, axis == x.dim() - 1 ? std::int64_t{-1} : axis, at::IValue()}));
        return;
    }
    std::int64_t columns = 1;
    for (std::int64_t i = axis; i < x.dim(); ++i)
        columns *= x.size(i);
    const at::Tensor y = node.op(name, {node.reshape(x, {-1, columns}), std::int64_t{-1}, at::IValue()});
    node.out(node.reshape(y, x.sizes().vec()));
}

void softmax(NodeRun& node) {
    softmaxLike(node, "aten::softmax.int");
}

void logSoftmax(NodeRun& node) {
    softmaxLike(node, "aten::log_softmax.int");
}

void hardmax(NodeRun& node) {
    at::Tensor x = node.in(0);
    std::int64_t axis = node.axis(node.integer("axis", node.opset() < 13 ? 1 : -1), x.dim());
    const auto shape = x.sizes().vec();
    if (node.opset() < 13 && axis != x.dim() - 1) {
        std::int64_t columns = 1;
        for (std::int64_t i = axis; i < x.dim(); ++i)
            columns *= x.size(i);
        x = node.reshape(x, {-1, columns});
        axis = 1;
    }
    const at::Tensor largest = node.op("aten::argmax", {x, axis, true});
    std::vector<std::int64_t> along(static_cast<std::size_t>(x.dim()), 1);
    along[static_cast<std::size_t>(axis)] = -1;
    const at::Tensor places = at::arange(x.size(axis)).reshape(along);
    const at::Tensor hot = node.cast(node.op("aten::eq.Tensor", {largest, places}), x.scalar_type());
    node.out(node.reshape(hot, shape));
}

void clip(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    at::Tensor low = node.optional(1), high = node.optional(2);
    if ((low.defined() && node.isLive(low)) || (high.defined() && node.isLive(high))) {
        const at::Tensor raised = low.defined() ? node.op("aten::maximum", {x, low}) : x;
        node.out(high.defined() ? node.op("aten::minimum", {raised, high}) : raised);
        return;
    }
    at::IValue least, most;
    const auto scalar = [&](const at::Tensor& bound) { return at::IValue(bound.reshape({}).item()); };
    if (low.defined())
        least = scalar(low);
    else if (node.hasAttribute("min"))
        least = node.real("min", 0);
    if (high.defined())
        most = scalar(high);
    else if (node.hasAttribute("max"))
        most = node.real("max", 0);
    const bool isZeroToSix = least.isDouble() && most.isDouble() && least.toDouble() == 0 && most.toDouble() == 6;
    if (least.isNone() && most.isNone())
        node.out(x);
    else
        node.out(node.op(isZeroToSix ? "aten::hardtanh" : "aten::clamp", {x, least, most}));
}

void dropout(NodeRun& node) {
    double ratio = node.real("ratio", 0.5);
    if (node.has(1))
        ratio = node.realsOf(1).at(0);
    const bool training = node.opset() >= 12 && node.has(2) && node.integersOf(2).at(0) != 0;
    if (training && ratio != 0)
        node.fail("drops values at random, which only training does", "export the model in evaluation mode");
    node.out(node.in(0));
    if (node.wants(1))
        node.out(at::ones(node.in(0).sizes(), at::kBool), ::onnx::TensorProto::BOOL);
}

constexpr std::array kOperators{
    OperatorEntry{"Abs", plain<kAbs>},
    OperatorEntry{"Acos", plain<kAcos>},
    OperatorEntry{"Acosh", plain<kAcosh>},
    OperatorEntry{"Asin", plain<kAsin>},
    OperatorEntry{"Asinh", plain<kAsinh>},
    OperatorEntry{"Atan", plain<kAtan>},
    OperatorEntry{"Atanh", plain<kAtanh>},
    OperatorEntry{"BitwiseNot", plain<kBitwiseNot>},
    OperatorEntry{"Ceil", plain<kCeil>},
    OperatorEntry{"Celu", celu},
    OperatorEntry{"Clip", clip},
    OperatorEntry{"Cos", plain<kCos>},
    OperatorEntry{"Cosh", plain<kCosh>},
    OperatorEntry{"Det", plain<kDet>},
    OperatorEntry{"Dropout", dropout},
    OperatorEntry{"Elu", elu},
    OperatorEntry{"Erf", plain<kErf>},
    OperatorEntry{"Exp", plain<kExp>},
    OperatorEntry{"Floor", plain<kFloor>},
    OperatorEntry{"Gelu", gelu},
    OperatorEntry{"HardSigmoid", hardSigmoid},
    OperatorEntry{"HardSwish", plain<kHardSwish>},
    OperatorEntry{"Hardmax", hardmax},
    OperatorEntry{"IsInf", isInf},
    OperatorEntry{"IsNaN", plain<kIsNaN>},
    OperatorEntry{"LeakyRelu", leakyRelu},
    OperatorEntry{"Log", plain<kLog>},
    OperatorEntry{"LogSoftmax", logSoftmax},
    OperatorEntry{"Mish", plain<kMish>},
    OperatorEntry{"Neg", plain<kNeg>},
    OperatorEntry{"Not", plain<kNot>},
    OperatorEntry{"Reciprocal", plain<kReciprocal>},
    OperatorEntry{"Relu", plain<kRelu>},
    OperatorEntry{"Round", plain<kRound>},
    OperatorEntry{"Selu", selu},
    OperatorEntry{"Shrink", shrink},
    OperatorEntry{"Sigmoid", plain<kSigmoid>},
    OperatorEntry{"Sign", plain<kSign>},
    OperatorEntry{"Sin", plain<kSin>},
    OperatorEntry{"Sinh", plain<kSinh>},
    OperatorEntry{"Softmax", softmax},
    OperatorEntry{"Softplus", plain<kSoftplus>},
    OperatorEntry{"Softsign", softsign},
    OperatorEntry{"Sqrt", plain<kSqrt>},
    OperatorEntry{"Tan", plain<kTan>},
    OperatorEntry{"Tanh", plain<kTanh>},
    OperatorEntry{"ThresholdedRelu", thresholdedRelu},
};

} // namespace

std::span<const OperatorEntry> functionOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
