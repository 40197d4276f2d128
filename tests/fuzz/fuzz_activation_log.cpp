#include "fuzz.h"

#include "quant/io/log_comparison.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fxp::fuzz::readsOrRefuses([&] {
        const auto log = fxp::quant::readActivationLog(std::string(fxp::fuzz::text(data, size)));
        for (const auto& difference : fxp::quant::compareLogs(log, log)) {
            if (difference.kind != fxp::quant::LogDifference::Kind::Equal &&
                difference.kind != fxp::quant::LogDifference::Kind::NotStored)
                std::abort(); // a log differs from itself
        }
    });
    return 0;
}
