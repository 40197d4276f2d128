#pragma once

#include "quant/import/file_check.h"

namespace fxp::model {

/// How every document checks a model file before LibTorch reads it. main() sets it once, before the first document;
/// without it files are opened unchecked.
void setFileCheck(quant::FileCheck check);
const quant::FileCheck& fileCheck();

} // namespace fxp::model
