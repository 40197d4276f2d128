#include "fuzz.h"

#include "quant/import/torch_pickle.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fxp::fuzz::FileInMemory file(data, size);
    fxp::fuzz::readsOrRefuses([&] { fxp::quant::readTorchPickle(file.path()); });
    return 0;
}
