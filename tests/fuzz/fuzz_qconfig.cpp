#include "fuzz.h"

#include "quant/io/qconfig.h"

using namespace fxp::quant;

/// A model of one linear layer, whose formats are read.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::vector<std::string> kMembers{"input", "weight", "bias", "activation"};
    static const auto kModel = [] {
        std::pair<std::vector<LayerSpec>, std::vector<SlotInfo>> model;
        LayerSpec layer;
        layer.name = "fc";
        layer.type = "linear";
        for (const std::string& name : kMembers) {
            LayerSpec member;
            member.name = name;
            layer.members.push_back(member);
            SlotInfo slot;
            slot.path = "fc." + name;
            slot.layerPath = "fc";
            slot.layerType = "linear";
            model.second.push_back(slot);
        }
        model.first.push_back(layer);
        return model;
    }();
    fxp::fuzz::readsOrRefuses([&] {
        const std::string text(fxp::fuzz::text(data, size));
        foldedBatchNorms(text);
        const QConfigFile file = readQConfig(text, kModel.first, kModel.second);
        const std::string written = writeQConfig(file.model, kModel.first, kModel.second, file.formats);
        if (readQConfig(written, kModel.first, kModel.second).formats != file.formats)
            std::abort(); // what was written is read again
    });
    return 0;
}
