// quantize_model MODEL.pt INPUTS.npz QCONFIG.json: chooses 8-bit formats for every tensor of a TorchScript model from
// sample inputs, says what they cost, and writes them.

#include <quant/calibrate/starting_formats.h>
#include <quant/core/error.h>
#include <quant/core/notation.h>
#include <quant/engine/session.h>
#include <quant/io/npz.h>
#include <quant/io/qconfig.h>
#include <quant/open_model.h>

#include <fstream>
#include <iostream>

using namespace fxp::quant;

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: quantize_model MODEL.pt INPUTS.npz QCONFIG.json\n";
        return 2;
    }
    try {
        const auto session = openModel(argv[1]);
        session->setSamples({readNpz(argv[2]), {}});
        const BitBudget bits{.weights = 8, .activations = 8, .biases = 16};
        const auto formats = session->calibrate(startingFormats(session->slots(), bits), {});
        const RunSnapshot result = session->run(*formats);
        for (std::size_t i = 0; i < formats->size(); ++i) {
            const SlotInfo& slot = session->slots()[i];
            if (slot.absent || slot.optional)
                continue;
            std::cout << slot.path << "  " << write((*formats)[i], Notation::SignIntegerFraction) << "  "
                      << result->slots[i]->localFigures.sqnr() << " dB\n";
        }
        std::cout << "output  " << result->outputs[0].sqnr << " dB\n";
        std::ofstream(argv[3]) << writeQConfig({"model", sha256OfFile(argv[1])}, session->layers(), session->slots(),
                                               *formats);
    } catch (const fxp::Error& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
