#include "quant/import/operator_products.h"

#include "quant/layers/linear.h"

#include <ATen/ATen.h>

#include <map>

namespace fxp::quant {

namespace {

Product matrixProduct(const at::Tensor& x, const at::Tensor& w) {
    Product product;
    product.multiply = [](const at::Tensor& a, const at::Tensor& b) { return at::matmul(a, b); };
    product.plain = [](const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
        return bias.defined() ? at::addmm(bias, a, b) : at::matmul(a, b);
    };
    product.terms = x.size(-1);
    product.outputDimension = w.dim() == 2 ? 1 : -1;
    return product;
}

/// K of an einsum: the extents of the letters that the result has no more. Absent where the equation says it otherwise
/// than in letters and an arrow, or a letter stands twice in one operand.
std::optional<std::int64_t> contractedTerms(const std::string& equation, const at::Tensor& x, const at::Tensor& w) {
    std::string plain;
    for (const char c : equation) {
        if (c != ' ')
            plain += c;
    }
    const std::size_t comma = plain.find(','), arrow = plain.find("->");
    if (comma == std::string::npos || arrow == std::string::npos || plain.find('.') != std::string::npos)
        return std::nullopt;
    const std::string first = plain.substr(0, comma), second = plain.substr(comma + 1, arrow - comma - 1),
                      result = plain.substr(arrow + 2);
    std::map<char, std::int64_t> extents;
    const auto take = [&](const std::string& letters, const at::Tensor& tensor) {
        if (static_cast<std::int64_t>(letters.size()) != tensor.dim())
            return false;
        for (std::size_t i = 0; i < letters.size(); ++i) {
            if (letters.find(letters[i]) != i)
                return false;
            extents[letters[i]] = std::max(extents[letters[i]], tensor.size(static_cast<std::int64_t>(i)));
        }
        return true;
    };
    if (!take(first, x) || !take(second, w))
        return std::nullopt;
    std::int64_t terms = 1;
    for (const auto& [letter, extent] : extents)
        terms *= result.find(letter) == std::string::npos ? extent : 1;
    return terms;
}

std::optional<OperatorProduct> einsum(const c10::Stack& arguments) {
    if (arguments.size() < 2 || !arguments[0].isString() || !arguments[1].isTensorList() ||
        arguments[1].toTensorVector().size() != 2)
        return std::nullopt;
    const std::string equation = arguments[0].toStringRef();
    const auto tensors = arguments[1].toTensorVector();
    if (!contractedTerms(equation, tensors[0], tensors[1]))
        return std::nullopt;
    return OperatorProduct{0, 1, {}, [equation](const at::Tensor& x, const at::Tensor& w) {
                               Product product;
                               product.multiply = [equation](const at::Tensor& a, const at::Tensor& b) {
                                   return at::einsum(equation, {a, b});
                               };
                               product.plain = [equation](const at::Tensor& a, const at::Tensor& b, const at::Tensor&) {
                                   return at::einsum(equation, {a, b});
                               };
                               product.terms = contractedTerms(equation, x, w).value_or(1);
                               return product;
                           }};
}

bool isOne(const at::IValue& value) {
    return value.isScalar() && value.toScalar().toDouble() == 1;
}

} // namespace

std::optional<OperatorProduct> operatorProduct(const std::string& name, const c10::Stack& arguments) {
    if (name == "einsum")
        return einsum(arguments);
    if (name == "matmul" || name == "mm" || name == "bmm" || name == "mv")
        return OperatorProduct{0, 1, {}, matrixProduct};
    if (name == "linear") {
        const bool hasBias = arguments.size() > 2 && arguments[2].isTensor() && arguments[2].toTensor().defined();
        return OperatorProduct{0, 1, hasBias ? std::optional<std::size_t>(2) : std::nullopt,
                               [](const at::Tensor&, const at::Tensor& w) { return linearProduct(w); }};
    }
    if (name == "addmm" && arguments.size() == 5 && isOne(arguments[3]) && isOne(arguments[4]) &&
        arguments[0].toTensor().dim() == 1)
        return OperatorProduct{1, 2, 0, matrixProduct};
    return std::nullopt;
}

} // namespace fxp::quant
