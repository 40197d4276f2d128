#include "model/layer_filter_condition.h"

#include <cmath>

namespace fxp::model {

namespace {

bool holds(double value, Compared how, double limit, double shown) {
    if (std::isnan(value))
        return false; // no figure is neither above nor below
    const bool equal = limit == 0 || std::isinf(limit) ? value == limit : std::abs(value - limit) <= shown;
    switch (how) {
    case Compared::Above: return value > limit;
    case Compared::AtLeast: return value >= limit;
    case Compared::Below: return value < limit;
    case Compared::AtMost: return value <= limit;
    case Compared::Equal: return equal;
    case Compared::Different: return !equal;
    }
    return false;
}

} // namespace

bool LayerFilter::Condition::accepts(const FilteredTensor& tensor) const {
    switch (kind) {
    case Kind::Either:
        for (const Pointer& part : parts) {
            if (part->accepts(tensor))
                return true;
        }
        return false;
    case Kind::All:
        for (const Pointer& part : parts) {
            if (!part->accepts(tensor))
                return false;
        }
        return true;
    case Kind::Not: return !parts.front()->accepts(tensor);
    case Kind::Word: return (tensor.path + " " + tensor.type).contains(word, Qt::CaseInsensitive);
    case Kind::Text: {
        const QString& text = tensor.*(field->value);
        const bool found =
            contains ? text.contains(word, Qt::CaseInsensitive) : text.compare(word, Qt::CaseInsensitive) == 0;
        return found == (how != Compared::Different);
    }
    case Kind::Number: return holds(tensor.*(figure->value), how, limit, figure->shown);
    }
    return false;
}

} // namespace fxp::model
