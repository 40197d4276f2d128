#include "quant/ops/products.h"

#include "quant/core/double_product.h"
#include "quant/core/error.h"
#include "quant/core/float_product.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace fxp::quant {

namespace {

/// The operator of that name as a Product for the tensors of one step.
using ProductOf = std::function<Product(const StepContext& context, const at::Tensor& x, const at::Tensor& w)>;

Operator sumOperator(ProductOf productOf) {
    const auto evaluate = [productOf = std::move(productOf)](const StepContext& context) {
        const at::Tensor x = tensorOf(context, "x"), w = tensorOf(context, "w"), bias = tensorOf(context, "bias");
        const auto& f = context.formats;
        const ProductFormats formats{f[0].type, f[1].type, f.size() > 2 ? f[2].type : QType{}};
        AccumulatorUse use;
        const at::Tensor sum =
            exactSum(productOf(context, x, w), x, w, bias, formats, context.findings ? &use : nullptr);
        if (context.findings)
            *context.findings = {use};
        return Tensors{sum};
    };
    const auto reads = [](const Step& step) {
        return std::vector<FormatRead>(step.formats.size(), FormatRead{Reads::Grid, 0});
    };
    return {evaluate, reads};
}

ConvolutionArguments convolutionArguments(const Arguments& arguments) {
    ConvolutionArguments c;
    c.stride = integers(arguments, "stride");
    c.padding = integers(arguments, "padding");
    c.dilation = integers(arguments, "dilation");
    c.transposed = flag(arguments, "transposed");
    c.outputPadding = integers(arguments, "output_padding");
    c.groups = integer(arguments, "groups");
    return c;
}

Product convolutionProduct(const StepContext& context, const at::Tensor&, const at::Tensor& weight) {
    const ConvolutionArguments c = convolutionArguments(context.arguments());
    // An input without a batch is a batch of one.
    const auto batched = [](const auto& run) {
        return [run](const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
            return x.dim() == w.dim() - 1 ? run(x.unsqueeze(0), w, bias).squeeze(0) : run(x, w, bias);
        };
    };
    const auto multiply = batched([c](const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
        return at::convolution(x, w, bias, c.stride, c.padding, c.dilation, c.transposed, c.outputPadding, c.groups);
    });
    Product product;
    product.multiply = [multiply](const at::Tensor& x, const at::Tensor& w) { return multiply(x, w, {}); };
    product.plain = batched([c](const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
        return floatConvolution(x, w, bias, c);
    });
    product.biasDimension = static_cast<int>(1 - weight.dim());
    product.outputDimension = c.transposed ? 1 : 0;
    product.terms =
        weight.numel() / std::max<std::int64_t>(c.transposed ? weight.size(1) * c.groups : weight.size(0), 1);
    return product;
}

Product matrixProduct(const StepContext&, const at::Tensor& x, const at::Tensor& w) {
    Product product;
    product.multiply = doubleMatmul;
    product.plain = [](const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
        return bias.defined() ? floatMatmul(a, b) + bias : floatMatmul(a, b);
    };
    product.terms = x.size(-1);
    product.outputDimension = w.dim() == 2 ? 1 : -1;
    return product;
}

Product transposedProduct(const StepContext&, const at::Tensor& x, const at::Tensor&) {
    Product product;
    product.multiply = [](const at::Tensor& a, const at::Tensor& b) { return at::matmul(a, b.transpose(-2, -1)); };
    product.plain = [](const at::Tensor& a, const at::Tensor& b, const at::Tensor&) {
        return floatMatmul(a, b.transpose(-2, -1));
    };
    product.terms = x.size(-1);
    return product;
}

Product einsumProduct(const StepContext& context, const at::Tensor& x, const at::Tensor& w) {
    const std::string equation = text(context.arguments(), "equation");
    const auto terms = contractedTerms(equation, x, w);
    if (!terms)
        throw Error(equation, "is not a sum of products of two tensors", "record the model anew");
    Product product;
    product.multiply = [equation](const at::Tensor& a, const at::Tensor& b) { return at::einsum(equation, {a, b}); };
    // In float64 and rounded once: LibTorch may sum in any order.
    product.plain = [equation](const at::Tensor& a, const at::Tensor& b, const at::Tensor&) {
        return at::einsum(equation, {a.to(at::kDouble), b.to(at::kDouble)}).to(at::kFloat);
    };
    product.terms = *terms;
    return product;
}

} // namespace

Product linearProduct(const at::Tensor& weight) {
    Product product;
    product.multiply = [](const at::Tensor& x, const at::Tensor& w) { return doubleMatmul(x, w.t()); };
    product.plain = [](const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) { return floatLinear(x, w, b); };
    product.terms = weight.size(1);
    product.outputDimension = 0;
    return product;
}

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
    const auto addExtents = [&](const std::string& letters, const at::Tensor& tensor) {
        if (static_cast<std::int64_t>(letters.size()) != tensor.dim())
            return false;
        for (std::size_t i = 0; i < letters.size(); ++i) {
            if (letters.find(letters[i]) != i)
                return false;
            extents[letters[i]] = std::max(extents[letters[i]], tensor.size(static_cast<std::int64_t>(i)));
        }
        return true;
    };
    if (!addExtents(first, x) || !addExtents(second, w))
        return std::nullopt;
    std::int64_t terms = 1;
    for (const auto& [letter, extent] : extents)
        terms *= result.find(letter) == std::string::npos ? extent : 1;
    return terms;
}

void addProductOperators(OperatorTable& operators) {
    operators["linear"] =
        sumOperator([](const StepContext&, const at::Tensor&, const at::Tensor& w) { return linearProduct(w); });
    operators["convolution"] = sumOperator(convolutionProduct);
    operators["matmul"] = sumOperator(matrixProduct);
    operators["matmul_transposed"] = sumOperator(transposedProduct);
    operators["einsum"] = sumOperator(einsumProduct);
    addQuantizeSum(operators);
}

} // namespace fxp::quant
