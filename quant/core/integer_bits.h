#pragma once

#include "quant/core/qtype.h"

namespace fxp::quant {

/// The least and greatest finite value of a tensor.
struct ValueRange {
    double low = 0;
    double high = 0;

    void include(const ValueRange& other);
};

/// Integer bits I (sign included) that hold the range without overflow, exactly: FIXED_POINT.md, section 4. Under
/// SATURATE_SYMMETRIC −2^k is an overflow like 2^k, so that a negative value needs as many bits as its magnitude.
/// `type` gives T, or F where T is absent; with both absent, or a range that is not finite, throws Error naming
/// `where`.
int integerBits(const ValueRange& range, const QType& type, const std::string& where);

/// The given format completed so that the range does not overflow: T → F = T − I, F → T = F + I (clamped to 2 … 64).
/// A complete format keeps T and gets a new F. A float one is returned as it is. The method is kept.
QType noOverflow(const ValueRange& range, const QType& given, const std::string& where);

/// F = 24, T = I + 24, clamped to 2 … 64.
QType highPrecision(const ValueRange& range, const QType& given, const std::string& where);

} // namespace fxp::quant
