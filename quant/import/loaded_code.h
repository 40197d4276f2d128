#pragma once

#include <memory>
#include <string>

namespace caffe2::serialize {
class ReadAdapterInterface;
}

namespace fxp::quant {

/// Throws Error naming the file when a class of this TorchScript file has code that LibTorch's loader would run while
/// it loads (`__setstate__`). Reads the archive as that loader does, and runs nothing of it.
void refuseLoadedCode(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& archive, const std::string& file);

} // namespace fxp::quant
