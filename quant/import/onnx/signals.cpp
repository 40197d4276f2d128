#include "quant/import/onnx/operators.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>

// Fourier transforms, as products with constant matrices of cosines and sines.
namespace fxp::quant::onnx_import {

namespace {

using Integers = std::vector<std::int64_t>;

/// [rows, length]: the angles 2π·k·n / length.
at::Tensor angles(std::int64_t rows, std::int64_t columns, std::int64_t length) {
    const at::Tensor k = at::arange(rows).reshape({-1, 1}), n = at::arange(columns).reshape({1, -1});
    return (k * n).remainder(length).to(at::kDouble) * (2 * M_PI / static_cast<double>(length));
}

/// x: [..., columns, 1 or 2], real or complex; gives [..., rows, 2] = x · (cos ∓ i·sin).
at::Tensor transformed(NodeRun& node, const at::Tensor& x, std::int64_t rows, std::int64_t length, bool inverse) {
    const std::int64_t columns = std::min(x.size(-2), length);
    const at::Tensor angle = angles(rows, columns, length);
    const double scale = inverse ? 1.0 / static_cast<double>(length) : 1.0;
    const at::Tensor cosines = angle.cos().mul(scale).to(at::kFloat).t();
    const at::Tensor sines = angle.sin().mul(inverse ? scale : -scale).to(at::kFloat).t();
    const auto product = [&](const at::Tensor& part, const at::Tensor& matrix) {
        return node.op("aten::matmul", {part, matrix});
    };
    const auto component = [&](std::int64_t i) {
        return node.slice(node.op("aten::select.int", {x, -1, i}), -1, 0, columns);
    };
    const at::Tensor re = component(0);
    at::Tensor real = product(re, cosines), imaginary = product(re, sines);
    if (x.size(-1) == 2) {
        const at::Tensor im = component(1);
        real = node.sub(real, product(im, sines));
        imaginary = node.add(imaginary, product(im, cosines));
    }
    return node.op("aten::stack", {c10::List<at::Tensor>({real, imaginary}), -1});
}

void dft(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t given =
        node.has(2) ? node.integersOf(2).at(0) : node.integer("axis", node.opset() < 20 ? 1 : -2);
    const std::int64_t axis = node.axis(given, x.dim());
    const bool inverse = node.integer("inverse", 0) != 0, half = node.integer("onesided", 0) != 0;
    const std::int64_t length = node.has(1) ? node.integersOf(1).at(0) : x.size(axis);
    if (length < 1 || length > (std::int64_t{1} << 20))
        node.fail("transforms an impossible number of values");
    const auto turned = [&](const at::Tensor& t) {
        return axis == t.dim() - 2 ? t : node.op("aten::transpose.int", {t, axis, -2});
    };
    node.out(turned(transformed(node, turned(x), half ? length / 2 + 1 : length, length, inverse)));
}

void stft(NodeRun& node) {
    const at::Tensor& signal = node.in(0); // [B, T, 1 or 2], or [B, T]
    const std::int64_t step = node.integersOf(1).at(0);
    const at::Tensor window = node.optional(2);
    const std::int64_t length = node.has(3) ? node.integersOf(3).at(0) : window.defined() ? window.size(0) : 0;
    const at::Tensor x = signal.dim() == 2 ? node.op("aten::unsqueeze", {signal, -1}) : signal;
    if (length < 1 || step < 1 || x.dim() != 3 || length > x.size(1))
        node.fail("has frames of an impossible length");
    const bool half = node.integer("onesided", 1) != 0;
    // [B, frames, 1 or 2, length]
    at::Tensor frames = node.op("aten::unfold", {x, 1, length, step});
    if (window.defined())
        frames = node.mul(frames, window);
    frames = node.op("aten::transpose.int", {frames, -1, -2});
    node.out(transformed(node, frames, half ? length / 2 + 1 : length, length, false));
}

constexpr std::array kOperators{
    OperatorEntry{"DFT", dft},
    OperatorEntry{"STFT", stft},
};

} // namespace

std::span<const OperatorEntry> signalOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
