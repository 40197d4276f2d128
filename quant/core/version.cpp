#include "quant/core/version.h"

namespace fxp {

std::string_view programVersion() {
    return FXP_VERSION;
}

} // namespace fxp
