#include "quant/import/open_network.h"

#include "quant/core/error.h"
#include "quant/import/container.h"
#include "quant/import/onnx_network.h"
#include "quant/import/torchscript.h"

namespace fxp::quant {

std::unique_ptr<Network> openNetwork(const std::string& file, const StopRequest& stop) {
    stopHere(stop);
    const char* const asTorchScript = "save the model with torch.jit.save";
    switch (containerOf(file)) {
    case Container::TorchScript:
    case Container::Zip: return openTorchScript(file);
    case Container::ExportedProgram:
        throw Error(file, "is a torch.export archive, not a TorchScript archive", asTorchScript);
    case Container::StateDict:
    case Container::Pickle:
        throw Error(file, "is a state_dict or another pickle of torch.save, and holds no program", asTorchScript);
    case Container::TorchPackage:
        throw Error(file, "is a torch.package archive, not a TorchScript archive", asTorchScript);
    case Container::Safetensors:
        throw Error(file, "is a safetensors file: it holds weights and no program",
                    "open the model, and load the weights into it");
    case Container::Onnx: return openOnnx(file);
    case Container::Hdf5: throw Error(file, "is an HDF5 file (Keras?), not a TorchScript archive", asTorchScript);
    case Container::TfLite: throw Error(file, "is a TensorFlow Lite file, not a TorchScript archive", asTorchScript);
    case Container::Unknown: break;
    }
    throw Error(file, "is not a TorchScript archive (a zip file)", asTorchScript);
}

} // namespace fxp::quant
