#pragma once

#include "quant/core/exact_product.h"
#include "quant/ops/operator_table.h"

#include <functional>
#include <vector>

namespace fxp::quant {

/// Recurrences. Each is one step of the program with several sites inside. The results are the values before and after
/// of each site, in the order of the sites, each with all time steps: [T, B, …]. Formats: those of the sites in their
/// order, then of w_hh and b_hh, and of w_hr and its bias where there is a projection. gates: x's part of the gates,
/// [B, T, G·H].
///  - `lstm`: gates, h, c, w_hh, b_hh, w_hr, reverse; sites: LstmSite
///  - `gru`, `rnn_tanh`, `rnn_relu`: gates, h, w_hh, b_hh, reverse; sites: GruSite, RnnSite
void addRecurrentOperators(OperatorTable& operators);
void addLstm(OperatorTable& operators);
void addGru(OperatorTable& operators);

/// The three sites of the product with the hidden state; they are the first in every recurrence.
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
    ProjectionIn = Count ///< the first of the projection's three sites, where there is one
};
enum class GruSite : std::size_t { RIn = kHiddenSites, R, ZIn, Z, RDotH, NIn, N, ZDotN, ZDotH, H, Count };
enum class RnnSite : std::size_t { In = kHiddenSites, H, Count };

/// The sites of a recurrence while it runs through time: quantizes the values of each time step and keeps them. The
/// draw of a STOCHASTIC format for sample b, time step t and element e of E has the index (b · T + t) · E + e, where b
/// counts all samples and not those of the batch.
class StepValues {
  public:
    /// The first `sites` of the formats belong to the sites, the others to the parameters. `steps`: T.
    StepValues(const StepContext& context, std::size_t sites, std::int64_t steps);

    /// Quantizes a site's value of one time step, [B, E].
    at::Tensor quantize(std::size_t site, std::int64_t step, const at::Tensor& x);
    /// Quantizes an exact sum (exactSum) to the accumulator's format and, from the exact value, to the activation's.
    at::Tensor quantizeSum(std::size_t accumulator, std::int64_t step, const at::Tensor& sum,
                           const ProductFormats& formats, bool hasBias);

    const SlotFormat& format(std::size_t number) const { return m_formats[number]; }
    /// Where to store what is found out at a site; null where the caller of the step did not ask for findings.
    AccumulatorUse* findings(std::size_t site);
    /// The results of the step: for each site the values before and after, all time steps together.
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

/// An operator that reads the whole format of its sites, and of its parameters' formats only the grid.
Operator recurrentOperator(std::function<Tensors(const StepContext&)> evaluate);

} // namespace fxp::quant
