#include "quant/open_model.h"

#include "quant/import/open_network.h"

namespace fxp::quant {

std::unique_ptr<Session> openModel(const std::string& file, SessionOptions options, const StopRequest& stop,
                                   const FileCheck& check, const std::string& method) {
    return std::make_unique<Session>(openNetwork(file, stop, check, method), options);
}

} // namespace fxp::quant
