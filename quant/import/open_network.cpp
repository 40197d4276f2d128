#include "quant/import/open_network.h"

#include "quant/core/error.h"
#include "quant/import/checked_network.h"
#include "quant/import/container.h"
#include "quant/import/exported_network.h"
#include "quant/import/onnx_network.h"
#include "quant/import/torchscript.h"
#include "quant/import/weights_file.h"

namespace fxp::quant {

std::unique_ptr<Network> openNetwork(const std::string& file, const StopRequest& stop, const FileCheck& check,
                                     const std::string& method) {
    stopHere(stop);
    const Container container = containerOf(file);
    if (!method.empty() && container != Container::TorchScript)
        throw Error(file, "is no TorchScript file, and has no methods to choose from", "open it without a method");
    const auto checked = [&](std::unique_ptr<Network> network) {
        return check ? checkedNetwork(std::move(network), file, check, method) : std::move(network);
    };
    const char* const asProgram = "export the model with torch.jit.save or torch.export.save";
    switch (container) {
    case Container::TorchScript:
        if (check)
            check(file, stop);
        return checked(openTorchScript(file, stop, method, check ? LoadedCode::MayRun : LoadedCode::Refused));
    case Container::ExportedProgram: return checked(openExportedProgram(file));
    case Container::StateDict:
    case Container::Pickle:
    case Container::Safetensors: return openWeights(file);
    case Container::TorchPackage: throw Error(file, "is a torch.package archive, which is code", asProgram);
    case Container::Keras: throw Error(file, "is a Keras model", "export it as ONNX (tf2onnx)");
    case Container::Hdf5: throw Error(file, "is an HDF5 file, probably of Keras", "export the model as ONNX (tf2onnx)");
    case Container::TfLite: throw Error(file, "is a TensorFlow Lite model", "export the model as ONNX (tf2onnx)");
    case Container::Onnx: return checked(openOnnx(file));
    case Container::Zip:
        throw Error(file, "is a zip file that cannot be read or holds no model that is known", asProgram);
    case Container::Unknown: break;
    }
    throw Error(file, "is no model file that is known: not a TorchScript archive, not a torch.export archive",
                asProgram);
}

} // namespace fxp::quant
