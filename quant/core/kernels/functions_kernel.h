#pragma once

#include <cstdint>

namespace fxp::quant {

enum class Function { Exp, Log, Sin, Cos, Tanh, Erf, Rsqrt, Sigmoid, Silu, Gelu, GeluTanh, Softplus };

/// Arguments of Softplus; other functions do not read them.
struct SoftplusShape {
    double beta = 1, threshold = 20;
};

// All of these compute in float64 and round once; see functions.h. Rows are contiguous.

void evaluate(Function function, const float* x, float* y, std::int64_t count, const SoftplusShape& shape);

/// Rows [rows, columns] of e^x_i / Σ e^x_j, or their logarithms.
void softmaxRows(const float* x, float* y, std::int64_t rows, std::int64_t columns, bool logarithm);

/// One mean, or biased variance, per row.
void meanRows(const float* x, float* y, std::int64_t rows, std::int64_t columns);
void varianceRows(const float* x, float* y, std::int64_t rows, std::int64_t columns);

/// (x − mean) / √(variance + eps): one mean and variance per row, or one per element.
void normalizeRows(const float* x, const float* mean, const float* variance, double eps, float* y, std::int64_t rows,
                   std::int64_t columns);
void normalizeElements(const float* x, const float* mean, const float* variance, double eps, float* y,
                       std::int64_t count);

/// An angle as quarters · π/2 + rest, |rest| ≤ π/4.
struct Quarters {
    double rest;
    std::int64_t quarters; ///< modulo 4
};

/// For angles of float32 from 2^20 on, where float64 has too few digits of π. NaN for infinities.
/// (Payne and Hanek, "Radian reduction for trigonometric functions", 1983.)
Quarters reduceLargeAngle(double angle);

} // namespace fxp::quant
