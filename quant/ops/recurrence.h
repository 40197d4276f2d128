#pragma once

#include "quant/core/exact_product.h"
#include "quant/ops/operator_table.h"

#include <functional>
#include <vector>

namespace fxp::quant {

/// Recurrences, one step of the program each, with sites inside: all time steps of a site are one result [T, B, …],
/// before and after in turn, in the order of the sites. Formats: those of the sites in their order, then of w_hh and
/// b_hh, and of w_hr and its bias where there is a projection. gates: x's part of the gates, [B, T, G·H].
///  - `lstm`: gates, h, c, w_hh, b_hh, w_hr, reverse; sites as LstmSite
///  - `gru`, `rnn_tanh`, `rnn_relu`: gates, h, w_hh, b_hh, reverse; sites as GruSite, RnnSite
void addRecurrentOperators(OperatorTable& operators);
void addLstm(OperatorTable& operators);
void addGru(OperatorTable& operators);

/// The three sites of a product with the hidden state, first of all.
enum HiddenSite : std::size_t { kHiddenInput, kHiddenAccumulator, kHiddenActivation, kHiddenSites };

/// The sites of an LSTM, in the order of computation.
enum class LstmSite : std::size_t {
    IIn = kHiddenSites,
    I,
    FIn,
    F,
    GIn,
    G,
    OIn,
    O,
    FDotC,
    IDotG,
    C,
    TanhIn,
    Tanh,
    H,
    Count,               ///< their number without a projection
    ProjectionIn = Count ///< with one, its three follow
};
enum class GruSite : std::size_t { RIn = kHiddenSites, R, ZIn, Z, RDotH, NIn, N, ZDotN, ZDotH, H, Count };
enum class RnnSite : std::size_t { In = kHiddenSites, H, Count };

/// The sites of a recurrence while it runs through time: quantizes each time step's values and keeps them. A STOCHASTIC
/// format's draw for sample b, time step t, element e of E is that of index (b · T + t) · E + e, whatever batch the
/// sample is in.
class StepValues {
  public:
    /// The first `sites` of the formats are the sites'; the rest are those of the parameters. `steps`: T.
    StepValues(const StepContext& context, std::size_t sites, std::int64_t steps);

    /// The time step's value of a site, [B, E], in its format.
    at::Tensor quantize(std::size_t site, std::int64_t step, const at::Tensor& x);
    /// An exact sum (exactSum) into the accumulator's format and, from the exact value, the activation's.
    at::Tensor quantizeSum(std::size_t accumulator, std::int64_t step, const at::Tensor& sum,
                           const ProductFormats& formats, bool hasBias);

    const SlotFormat& format(std::size_t number) const { return m_formats[number]; }
    /// What is found out at a site; null where nobody asks.
    AccumulatorUse* findings(std::size_t site);
    /// All time steps: before, after of the first site, of the second, ….
    Tensors stacked() const;

  private:
    struct Site {
        Tensors before, after; ///< by time step, where gradients are recorded
        at::Tensor allBefore, allAfter;
    };
    void keep(at::Tensor& all, Tensors& steps, std::int64_t step, const at::Tensor& value) const;
    void keep(std::size_t site, std::int64_t step, const at::Tensor& before, const at::Tensor& after);
    at::Tensor quantizeRows(const SlotFormat& format, std::int64_t step, const at::Tensor& x) const;
    std::int64_t firstIndex(std::int64_t row, std::int64_t rows, std::int64_t step, std::int64_t elements) const;

    std::span<const SlotFormat> m_formats;
    StepFindings* m_findings;
    SampleRange m_samples;
    std::int64_t m_steps;
    std::vector<Site> m_sites;
    bool m_gradients;
};

/// The product h · Wᵀ + b of a recurrence. Its sites (HiddenSite) begin at `first`; the formats of W and b stand at
/// `parameters` and after it.
class HiddenProduct {
  public:
    HiddenProduct(std::size_t first, std::size_t parameters, const at::Tensor& weight, const at::Tensor& bias,
                  const StepValues& values);
    /// h: [B, H].
    at::Tensor operator()(const at::Tensor& h, std::int64_t step, StepValues& values) const;

  private:
    std::size_t m_first;
    at::Tensor m_weight, m_bias;
    Product m_product;
    ProductFormats m_formats;
};

/// The time steps of a run forward or backward, in the order of computation.
std::vector<std::int64_t> stepOrder(std::int64_t steps, bool reverse);

/// An operator whose sites' formats are read whole, and its parameters' as grids.
Operator recurrentOperator(std::function<Tensors(const StepContext&)> evaluate);

} // namespace fxp::quant
