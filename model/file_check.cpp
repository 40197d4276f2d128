#include "model/file_check.h"

#include <utility>

namespace fxp::model {

namespace {

quant::FileCheck& current() {
    static quant::FileCheck check;
    return check;
}

} // namespace

void setFileCheck(quant::FileCheck check) {
    current() = std::move(check);
}

const quant::FileCheck& fileCheck() {
    return current();
}

} // namespace fxp::model
