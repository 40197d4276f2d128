#include "quant/core/error.h"
#include "quant/engine/places.h"
#include "quant/engine/session_data.h"
#include "quant/engine/values_under.h"
#include "quant/ops/sample_order.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

namespace {

/// The samples that one batch has of those asked for: their places in the list, and their numbers in the batch.
struct Chosen {
    std::vector<std::size_t> places;
    std::vector<std::int64_t> numbers;
};

Chosen chosenOf(const SampleRange& range, std::span<const std::int64_t> samples) {
    Chosen chosen;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const std::int64_t number = samples[i] - range.first;
        if (number >= 0 && number < std::max<std::int64_t>(1, range.count)) {
            chosen.places.push_back(i);
            chosen.numbers.push_back(number);
        }
    }
    return chosen;
}

/// The part of the value that is one sample's: several indices of the dimension where it is batch times heads.
at::Tensor partOf(const at::Tensor& value, int dimension, std::int64_t number, std::int64_t count) {
    const std::int64_t each = value.size(dimension) / std::max<std::int64_t>(1, count);
    return value.narrow(dimension, number * each, each);
}

} // namespace

std::optional<std::vector<SlotValues>> Session::slotValues(const Formats& formats, const std::vector<char>& wanted,
                                                           std::span<const std::int64_t> samples,
                                                           const RunControl& control) const {
    if (!m_data)
        throw Error("", "there are no samples to run", "open some");
    if (formats.size() != m_data->slots.size() || wanted.size() != formats.size())
        throw Error("", "the formats are not this model's", "take them from its slots");
    for (std::size_t slot = 0; slot < formats.size(); ++slot) {
        const SlotInfo& info = m_data->slots[slot];
        if (formats[slot].isPartial() && !info.absent && !info.optional)
            throw Error(info.path, formats[slot].totalBits ? "fractional_bits is missing" : "total_bits is missing",
                        "set it, or calibrate");
    }
    for (const std::int64_t sample : samples) {
        if (sample < 0 || sample >= std::max<std::int64_t>(1, m_data->count))
            throw Error("sample " + std::to_string(sample), "is not among the " + std::to_string(m_data->count),
                        "they are counted from 0");
    }
    std::vector<SlotValues> result;
    std::vector<std::vector<at::Tensor>> parts; // by place, by sample
    bool begun = false;
    for (std::size_t i = 0; i < m_data->batches.size(); ++i) {
        const Batch& batch = *m_data->batches[i];
        const Program& program = batch.program();
        const Chosen chosen = chosenOf(batch.samples(), samples);
        const bool first = !begun && (!chosen.places.empty() || samples.empty());
        if (!first && chosen.places.empty())
            continue;
        begun = true;
        std::vector<char> needed(static_cast<std::size_t>(program.valueCount), 0);
        std::vector<Place> places;
        for (const Place& place : placesOf(program)) {
            // Without samples only what depends on none is asked for.
            if (!wanted[place.slot] || (samples.empty() && !m_data->slots[place.slot].parameter))
                continue;
            places.push_back(place);
            needed[static_cast<std::size_t>(place.after)] = 1;
        }
        const std::optional<Tensors> values = valuesUnder(batch, formats, needed, control.stop);
        if (!values)
            return std::nullopt;
        result.resize(places.size());
        parts.resize(places.size(), std::vector<at::Tensor>(samples.size()));
        for (std::size_t k = 0; k < places.size(); ++k) {
            const at::Tensor& value = (*values)[static_cast<std::size_t>(places[k].after)];
            const int dimension = sampleDimension(program, places[k].after);
            if (first)
                result[k] = {places[k].slot, places[k].use, dimension, dimension < 0 ? toArray(value) : Array()};
            for (std::size_t j = 0; j < chosen.places.size() && dimension >= 0; ++j) // a copy, not a view of all
                parts[k][chosen.places[j]] = partOf(value, dimension, chosen.numbers[j], batch.samples().count).clone();
        }
        if (control.progress)
            control.progress(static_cast<double>(i + 1) / static_cast<double>(m_data->batches.size()));
    }
    for (std::size_t k = 0; k < result.size(); ++k) {
        if (result[k].dimension >= 0 && !samples.empty())
            result[k].values = toArray(at::cat(parts[k], result[k].dimension));
    }
    return result;
}

} // namespace fxp::quant
