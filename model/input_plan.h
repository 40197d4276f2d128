#pragma once

#include "model/open_request.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"

#include <QString>

#include <cstdint>
#include <optional>
#include <vector>

namespace fxp::model {

/// Something that has to be given before the model can be opened; `where` is the input's name, or empty for the
/// samples.
struct Incomplete : Error {
    using Error::Error;
};

/// An array of the samples, without its values.
struct ArrayInfo {
    QString name;
    quant::ElementType type = quant::ElementType::Float32;
    std::vector<std::int64_t> shape;
};
std::vector<ArrayInfo> infosOf(const quant::NamedArrays& arrays);

/// Where one input of the model gets its values, once the request and the files are looked at together.
struct PlannedInput {
    enum class How {
        Default, ///< the model's own default value
        Asked,   ///< as the request says
        ByName,  ///< an array of the input's name
        Alone,   ///< the only array left, for the only input left
    };
    quant::ArgumentInfo input;
    InputSource source;
    How how = How::Default;
    std::vector<std::int64_t> shape; ///< of the values; empty: one number, or not known
    /// Whether sizes of the shape are examples for what the model's file leaves open.
    bool isExample() const;
    /// What is missing, and what to do about it; empty where nothing is.
    QString missing, hint;
};

/// What a model gets when it is opened.
struct InputPlan {
    std::vector<PlannedInput> inputs; ///< in the model's order
    std::int64_t sampleCount = 0;     ///< 1 where the first sizes differ: all is one sample
    std::vector<QString> unused;      ///< arrays that no input takes

    /// The first input that misses something; null where none does.
    const PlannedInput* incomplete() const;
    bool isRandom() const; ///< no value comes from a file
};

/// `arrays` are those of the request's samples. An input that the request does not name takes the array of its name,
/// its default, or the only array that is left for the only input that is left.
InputPlan planInputs(const std::vector<quant::ArgumentInfo>& inputs, const std::vector<ArrayInfo>& arrays,
                     const OpenRequest& request);

/// The samples that choose formats, of `count`, when the share `heldOut` of them, the last ones, only judges; 0: all.
std::int64_t chosenOn(std::int64_t count, double heldOut);

/// The values of the plan for the session's model. Throws Incomplete where something is missing.
quant::NamedArrays plannedValues(const InputPlan& plan, const quant::NamedArrays& arrays, const OpenRequest& request,
                                 const quant::Session& session);

/// Whether the model's file says of a tensor's sizes that some may be any.
bool leavesSizesOpen(const quant::ArgumentInfo& input);

/// "16 × 1 × 8 × 8", with ? for a size that may be any, and what people type for it: 16x1x8x8, 16, 1, 8, 8. Absent
/// where the text is no shape.
QString shapeText(const std::vector<std::int64_t>& shape);
std::optional<std::vector<std::int64_t>> shapeFrom(const QString& text);

} // namespace fxp::model
