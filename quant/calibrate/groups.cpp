#include "quant/calibrate/groups.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <string>

namespace fxp::quant {

namespace {

using Visit = std::function<void(const LayerSpec&, const std::string&)>;

void forEachLayer(const LayerSpec& layer, const std::string& path, const Visit& visit) {
    visit(layer, path);
    for (const LayerSpec& member : layer.members) {
        if (!member.isSlot())
            forEachLayer(member, joinPath(path, member.name), visit);
    }
}

/// The sets of tensors of one layer to which the group gives one format each.
std::vector<std::vector<std::string>> membersOf(Group group, const std::string& type) {
    const auto parameters = [](std::initializer_list<const char*> projections) {
        std::vector<std::vector<std::string>> sets(2);
        for (const char* projection : projections) {
            sets[0].push_back(std::string(projection) + ".weight");
            sets[1].push_back(std::string(projection) + ".bias");
        }
        return sets;
    };
    if (group == Group::WeightBias && (type == "linear" || type.starts_with("conv")))
        return {{"weight", "bias"}};
    if (group == Group::QueryKeyValue && type == "multihead_attention")
        return parameters({"qlinear", "klinear", "vlinear"});
    if (group == Group::AllProjections && type == "multihead_attention")
        return parameters({"qlinear", "klinear", "vlinear", "out_proj"});
    if (group == Group::FeedForward && (type == "transformer_encoder_layer" || type == "transformer_decoder_layer"))
        return parameters({"linear1", "linear2"});
    if (group == Group::FullyConnected && (type == "lstm" || type == "gru" || type == "rnn"))
        return parameters({"w_ih", "w_hh"});
    return {};
}

} // namespace

void unifyGroups(const std::vector<LayerSpec>& layers, const std::vector<SlotInfo>& slots,
                 const CalibrationOptions& options, const std::vector<char>& among, Formats& formats) {
    std::map<std::string, std::size_t> byPath;
    for (std::size_t i = 0; i < slots.size(); ++i)
        byPath.emplace(slots[i].path, i);

    const auto unify = [&](const std::vector<std::string>& paths) {
        int total = 0, integer = std::numeric_limits<int>::min();
        std::vector<QType*> members;
        for (const std::string& path : paths) {
            const auto found = byPath.find(path);
            if (found == byPath.end() || !among[found->second] || !formats[found->second].hasPoint())
                continue;
            QType& format = formats[found->second];
            members.push_back(&format);
            total = std::max(total, *format.totalBits);
            integer = std::max(integer, format.integerBits());
        }
        for (QType* format : members) {
            format->totalBits = total;
            if (options.parameters != Method::HighPrecision)
                format->fractionalBits = total - integer;
        }
    };
    for (const Group group : options.groups) {
        for (const LayerSpec& layer : layers) {
            forEachLayer(layer, layer.name, [&](const LayerSpec& spec, const std::string& path) {
                for (const auto& set : membersOf(group, spec.type)) {
                    std::vector<std::string> paths;
                    for (const std::string& member : set)
                        paths.push_back(joinPath(path, member));
                    unify(paths);
                }
            });
        }
    }
}

} // namespace fxp::quant
