#pragma once

#include <string>
#include <string_view>

namespace fxp::quant {

/// The kind of a file, recognised by its content.
enum class Container {
    TorchScript,
    ExportedProgram, ///< torch.export
    StateDict,       ///< a pickle of tensors in a zip file
    TorchPackage,
    Zip, ///< another zip file, or one whose list of members cannot be read
    Safetensors,
    Onnx,
    Keras, ///< the zip form (.keras)
    Hdf5,
    TfLite,
    Pickle, ///< the older form of torch.save
    Unknown,
};

/// For people: "TorchScript", "ONNX".
std::string_view nameOf(Container container);

/// Throws Error naming the file when it is missing, empty, or not a regular file.
Container containerOf(const std::string& file);

} // namespace fxp::quant
