#pragma once

#include "quant/layers/linear.h"

#include <vector>

namespace fxp::quant {

/// The slots of a recurrence while it steps through time: quantizes each step's values and keeps them, all steps of a
/// slot as one tensor [T, B, …].
class StepValues {
  public:
    /// The first `slots` of the formats are the recurrence's own slots'; the rest are those of its operands.
    StepValues(std::span<const SlotFormat> formats, std::size_t slots, std::int64_t steps);

    /// The step's value of a slot, by its number, in its format.
    at::Tensor quantize(std::size_t slot, std::int64_t step, const at::Tensor& x);
    /// Takes values that were computed elsewhere.
    void take(std::size_t slot, std::int64_t step, const at::Tensor& before, const at::Tensor& after);
    const SlotFormat& format(std::size_t slot) const { return m_formats[slot]; }
    /// All steps: before, after of the first slot, of the second, ….
    Tensors stacked() const;

  private:
    struct Slot {
        Tensors before, after; ///< by step, where gradients are recorded
        at::Tensor allBefore, allAfter;
    };
    void keep(at::Tensor& all, Tensors& steps, std::int64_t step, const at::Tensor& value) const;

    std::vector<SlotFormat> m_formats;
    std::int64_t m_steps;
    std::vector<Slot> m_slots;
    bool m_gradients;
};

/// The product h_{t−1} · Wᵀ + b of a recurrence. Its slots' numbers begin at `first`: input, accumulator, activation;
/// the formats of W and b stand at `parameters` and after it.
struct HiddenProduct {
    HiddenProduct(std::size_t first, std::size_t parameters, const at::Tensor& weight, const at::Tensor& bias,
                  const StepValues& values);
    at::Tensor operator()(const at::Tensor& h, std::int64_t step, StepValues& values, AccumulatorUse* use) const;

  private:
    std::size_t m_first;
    at::Tensor m_weight, m_bias;
    Product m_product;
    ProductFormats m_formats;
};

/// What the log shows of a value [T, B, …]: the step of that number.
LogView stepView(std::int64_t step, int dimension = 0);

/// Zeros [B, size] for a batch-first x: an initial state that was not given.
Value zeroState(Builder& run, Value x, std::int64_t size);

/// The steps of a run forward or backward through time, in the order of computation.
std::vector<std::int64_t> stepOrder(std::int64_t steps, bool reverse);

} // namespace fxp::quant
