#include "fuzz.h"

#include "quant/io/safetensors.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fxp::fuzz::readsOrRefuses([&] { fxp::quant::readSafetensors(fxp::fuzz::bytes(data, size), "file"); });
    return 0;
}
