#include "fuzz.h"

#include "quant/import/container.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fxp::fuzz::FileInMemory file(data, size);
    fxp::fuzz::readsOrRefuses([&] { fxp::quant::nameOf(fxp::quant::containerOf(file.path())); });
    return 0;
}
