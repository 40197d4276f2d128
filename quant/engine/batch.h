#pragma once

#include "quant/core/kernels/quantize_kernel.h"
#include "quant/engine/run_result.h"
#include "quant/graph/program.h"

#include <functional>
#include <memory>
#include <vector>

namespace fxp::quant {

/// Names the state of a value: a hash of every format that it hangs on. Equal fingerprints, equal values.
using Fingerprint = std::uint64_t;

/// The fingerprint of every value of the program under the formats, computed without any tensor.
std::vector<Fingerprint> fingerprints(const Program& program, const Formats& formats);

/// What the quantization at one site of a step did in one batch.
struct SiteFigures {
    Fingerprint state = 0; ///< of the step's result
    Figures figures;
    QType localFormat;
    bool hasLocal = false;
    Figures localFigures; ///< of `localFormat` on the float run's values
};

/// One batch of samples under one program: its float values, and of the quantized run the values computed last, each
/// with its fingerprint. A step whose result already has the wanted fingerprint is not run again.
class Batch {
  public:
    Batch(std::shared_ptr<const Program> program, Tensors inputs, std::int64_t samples);

    const Program& program() const { return *m_program; }
    std::int64_t samples() const { return m_samples; }

    /// The float run's values; computed by runFloat where the recording did not leave them.
    void setFloatValues(Tensors values) { m_float = std::move(values); }
    /// False when `stop` said so.
    bool runFloat(const std::function<bool()>& stop);
    const Tensors& floatValues() const { return m_float; }

    /// Called after a step that quantizes, with its node.
    using Done = std::function<void(std::size_t)>;
    /// What a run needs beside the batch, and what it counts.
    struct Context {
        const Formats& formats;
        const std::vector<Fingerprint>& states;
        const std::vector<LinearRange>& ranges; ///< by slot
        std::function<bool()> stop;             ///< asked between operators; true ends the run
        Done done;
        std::int64_t stepsRun = 0, stepsReused = 0;
    };
    /// Runs the steps that quantize a slot of `only` and whose input is up to date: what an edit changes first.
    bool runReady(Context& context, const std::vector<char>& only);
    /// Brings every value up to date. A stopped run leaves values and fingerprints as consistent as it found them.
    bool run(Context& context);

    const SiteFigures& figures(std::size_t node, std::size_t site) const { return m_figures[node][site]; }
    /// What the step's sums of products asked of their accumulator; nothing where it has none.
    const AccumulatorUse& accumulator(std::size_t node) const { return m_accumulators[node]; }
    /// The value of the last run, undefined when there is none.
    const at::Tensor& value(ValueId id) const { return m_values[static_cast<std::size_t>(id)]; }

    /// Forgets all tensors but the inputs and the figures' states, so that many batches cost time and not memory.
    void release();
    /// Bytes of the float run's values, each storage once, without the constants.
    std::int64_t floatBytes() const;

  private:
    void runNode(std::size_t index, Context& context);
    void quantizeStep(std::size_t index, Context& context);
    bool isCurrent(const Node& node, const Context& context) const;
    void takeLocalFigures(SiteFigures& site, const QuantizeJob& job) const;
    void takeInnerFigures(std::size_t index, std::size_t site, Context& context);

    std::shared_ptr<const Program> m_program;
    Tensors m_inputs;
    std::int64_t m_samples;
    Tensors m_float, m_values;
    std::vector<Fingerprint> m_states;               ///< of m_values; 0: none
    std::vector<std::vector<SiteFigures>> m_figures; ///< by node and site
    std::vector<AccumulatorUse> m_accumulators;      ///< by node
};

} // namespace fxp::quant
