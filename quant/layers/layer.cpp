#include "quant/layers/layer.h"

#include <array>
#include <utility>

namespace fxp::quant {

Layer::Layer(std::string type, std::string path)
    : m_type(std::move(type)), m_path(std::move(path)), m_name(m_path), m_logScope(m_path) {}

Layer::Layer(Layer& parent, std::string type, const std::string& name, const std::string& logName)
    : m_type(std::move(type)), m_path(joinPath(parent.m_path, name)), m_name(name),
      m_logScope(joinPath(parent.m_logScope, logName.empty() ? name : logName)), m_parentPath(parent.m_path) {
    parent.m_members.push_back({nullptr, this});
}

std::string Layer::logType() const {
    static const std::array<std::pair<const char*, const char*>, 8> kNames{
        {{"linear", "FxPLinear"},
         {"conv2d", "FxPConv2D"},
         {"layer_norm", "FxPLayerNorm"},
         {"softmax", "FxPSoftmax"},
         {"dropout", "FxPDropout"},
         {"multihead_attention", "FxPMultiheadAttention"},
         {"transformer_encoder_layer", "FxPTransformerEncoderLayer"},
         {"lstm", "FxPLSTM"}}};
    for (const auto& [type, name] : kNames) {
        if (m_type == type)
            return name;
    }
    std::string camel = "FxP";
    bool upper = true;
    for (const char c : m_type) {
        if (c != '_')
            camel += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
        upper = c == '_';
    }
    return camel;
}

LayerSpec Layer::spec() const {
    LayerSpec spec{m_name, m_type, Role::Activation, {}, false};
    for (const Member& member : m_members) {
        if (member.slot)
            spec.members.push_back({member.slot->name(), {}, member.slot->role(), {}, false});
        else
            spec.members.push_back(member.layer->spec());
        spec.members.back().extension = member.extension;
    }
    return spec;
}

void Layer::log(Builder& run, const std::string& name, Value value, const LogView& view) const {
    run.log(joinPath(m_logScope, name), logType(), value, view);
}

Layer::Scope::Scope(const Layer& layer, Builder& run) : m_layer(layer), m_run(run) {
    m_run.setLayer(layer.m_path);
}

Layer::Scope::~Scope() {
    m_run.setLayer(m_layer.m_parentPath);
}

Value Layer::quantizeLogged(Builder& run, const Slot& slot, Value value, const std::string& name,
                            const std::string& quantName) {
    log(run, name, value);
    const Value quantized = run.quantize(slot.info(), value);
    log(run, quantName, quantized);
    return quantized;
}

void Layer::markExtension(const Layer& nested) {
    for (Member& member : m_members)
        member.extension = member.extension || member.layer == &nested;
}

Value Layer::quantizeLogged(Builder& run, const Slot& slot, Value value) {
    return quantizeLogged(run, slot, value, slot.name(), slot.name() + "_quant");
}

SlotInfo Slot::info() const {
    SlotInfo info;
    info.path = path();
    info.layerPath = m_layer.path();
    info.layerType = m_layer.type();
    info.name = m_name;
    info.role = m_role;
    info.optional = m_optional;
    info.divisor = m_divisor;
    return info;
}

Slot::Slot(Layer& layer, std::string name, Role role) : m_layer(layer), m_name(std::move(name)), m_role(role) {
    layer.m_members.push_back({this, nullptr});
}

Slot::Slot(Layer& layer, std::string name, Extension extension)
    : m_layer(layer), m_name(std::move(name)), m_role(extension.role) {
    layer.m_members.push_back({this, nullptr, true});
}

Slot::Slot(Layer& layer, std::string name, Accumulator)
    : m_layer(layer), m_name(std::move(name)), m_role(Role::Activation), m_optional(true) {
    layer.m_members.push_back({this, nullptr, true});
}

} // namespace fxp::quant
