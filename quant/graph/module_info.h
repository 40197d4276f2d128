#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// One module of a model, in the order of definition; the root has the empty path.
struct ModuleInfo {
    std::string path;
    std::string className;       ///< without TorchScript's name mangling: `torch.nn.conv.Conv2d`
    std::int64_t parameters = 0; ///< values in its own parameters and buffers, without its submodules'
    std::string note;            ///< why a module of a known class runs operator by operator; empty where it does not

    bool operator==(const ModuleInfo&) const = default;
};

/// What a model takes: a tensor, or an integer, float or boolean argument.
struct ArgumentInfo {
    enum class Kind { Tensor, Integer, Real, Boolean, Other };
    std::string name;
    Kind kind = Kind::Tensor;
    bool optional = false;    ///< it has a default value
    std::string type;         ///< as the file writes it: `Tensor`, `int`, `List[Tensor]`
    std::string defaultValue; ///< as text; empty where it has none
    /// Of a tensor, −1 where a size may vary; absent where the file does not say.
    std::optional<std::vector<std::int64_t>> shape = {};
    bool whole = false; ///< a tensor of integers or booleans

    /// A shape for random values: the file's, with 16 samples where their number may vary; absent where another size
    /// may.
    std::optional<std::vector<std::int64_t>> randomShape() const {
        std::optional<std::vector<std::int64_t>> sizes = shape;
        for (std::size_t i = 0; sizes && i < shape->size(); ++i) {
            if (i == 0 && (*shape)[i] < 0)
                (*sizes)[i] = 16;
            else if ((*shape)[i] < 0)
                sizes.reset();
        }
        return sizes;
    }
};

} // namespace fxp::quant
