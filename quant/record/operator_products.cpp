#include "quant/record/operator_products.h"

#include "quant/ops/products.h"

#include <ATen/ATen.h>

namespace fxp::quant {

namespace {

std::optional<OperatorProduct> einsum(const c10::Stack& arguments) {
    if (arguments.size() < 2 || !arguments[0].isString() || !arguments[1].isTensorList() ||
        arguments[1].toTensorVector().size() != 2)
        return std::nullopt;
    const std::string equation = arguments[0].toStringRef();
    const auto tensors = arguments[1].toTensorVector();
    if (!contractedTerms(equation, tensors[0], tensors[1]))
        return std::nullopt;
    return OperatorProduct{0, 1, {}, {"einsum", {{"equation", equation}}}};
}

} // namespace

bool isLinearAddmm(const c10::Stack& arguments) {
    const auto isOne = [](const at::IValue& value) { return value.isScalar() && value.toScalar().toDouble() == 1; };
    return arguments.size() == 5 && isOne(arguments[3]) && isOne(arguments[4]) && arguments[0].toTensor().dim() == 1;
}

std::optional<OperatorProduct> operatorProduct(const std::string& name, const c10::Stack& arguments) {
    if (name == "einsum")
        return einsum(arguments);
    if (name == "matmul" || name == "mm" || name == "bmm" || name == "mv")
        return OperatorProduct{0, 1, {}, {"matmul"}};
    if (name == "linear") {
        const bool hasBias = arguments.size() > 2 && arguments[2].isTensor() && arguments[2].toTensor().defined();
        return OperatorProduct{0, 1, hasBias ? std::optional<std::size_t>(2) : std::nullopt, {"linear"}};
    }
    if (name == "addmm" && isLinearAddmm(arguments))
        return OperatorProduct{1, 2, 0, {"matmul"}};
    return std::nullopt;
}

} // namespace fxp::quant
