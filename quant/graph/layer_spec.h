#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fxp::quant {

/// What kind of tensor a slot is. Calibration chooses the total bits by role.
enum class Role : std::uint8_t { Activation, Weight, Bias };

/// A layer's declaration as plain data: its type, and its members in the order of its JSON: slots (members with an
/// empty type) and nested layers.
struct LayerSpec {
    std::string name; ///< the key in the enclosing layer; for an outermost layer its module path
    std::string type; ///< `linear`, `conv2d`, …; empty for a slot
    Role role = Role::Activation;
    std::vector<LayerSpec> members;
    bool extension = false; ///< FxPyTorch's class has no such member: it is written under "extensions"

    bool isSlot() const { return type.empty(); }
    bool operator==(const LayerSpec&) const = default;
};

/// One named tensor with a format of its own.
struct SlotInfo {
    std::string path;      ///< module path, dot, name: `encoder.layers.1.linear1.activation`
    std::string layerPath; ///< path of the layer that declares it
    std::string layerType; ///< that layer's type
    std::string name;
    Role role = Role::Activation;
    bool parameter = false; ///< its values are the model's own, not computed from the inputs
    bool absent = false;    ///< declared, but this layer has no such tensor (no bias)
    bool optional = false;  ///< an accumulator: as long as it has no format, the sum stays exact and is not quantized
    bool divisor = false;   ///< the model divides by its values: a value quantized to zero ruins what follows
    int stepDimension = -1; ///< of a recurrent layer's slot: the dimension along which its time steps lie
    std::vector<std::int64_t> shape; ///< in the run that recorded it

    bool operator==(const SlotInfo&) const = default;
};

/// Joins two paths with a dot; either may be empty.
std::string joinPath(const std::string& parent, const std::string& name);

} // namespace fxp::quant
