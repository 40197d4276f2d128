#pragma once

#include "quant/core/kernels/quantize_kernel.h"
#include "quant/engine/fingerprint.h"
#include "quant/graph/program.h"
#include "quant/ops/registry.h"
#include "quant/ops/sample_order.h"

#include <functional>
#include <memory>
#include <vector>

namespace fxp::quant {

/// What the quantization at one site of a step did in one batch.
struct SiteFigures {
    Fingerprint state = 0; ///< of the value after
    Figures figures;
    QType localFormat;
    bool hasLocal = false;
    Figures localFigures; ///< of `localFormat` on the float run's values
};

/// By value: those of the float run that a quantized run is held against: what stands before a site, and outputs.
std::vector<char> floatValuesNeeded(const Program& program);
/// By value: those that depend on no input.
std::vector<char> constantValues(const Program& program);

/// One batch of samples under one program: its float values, and of the quantized run the values computed last, each
/// with its fingerprint. A step whose results already have the wanted fingerprints is not run again.
class Batch {
  public:
    Batch(std::shared_ptr<const Program> program, Tensors inputs, const SampleRange& samples);

    const Program& program() const { return *m_program; }
    const std::shared_ptr<const Program>& sharedProgram() const { return m_program; }
    const SampleRange& samples() const { return m_samples; }
    const Tensors& inputs() const { return m_inputs; }

    /// The float run's values; computed by runFloat where the recording did not leave them.
    void setFloatValues(Tensors values) { m_float = std::move(values); }
    /// Keeps all values, or those that `keep` marks. False when `stop` said so.
    bool runFloat(const std::function<bool()>& stop, const std::vector<char>* keep = nullptr);
    /// Frees all float values but those.
    void keepFloat(const std::vector<char>& keep);
    const Tensors& floatValues() const { return m_float; }

    /// Called after a step that quantizes, with its number.
    using Done = std::function<void(std::size_t)>;
    /// What a run needs beside the batch, and what it counts.
    struct Context {
        const Formats& formats;
        const std::vector<Fingerprint>& states;
        const std::vector<LinearRange>& ranges; ///< by slot
        std::function<bool()> stop;             ///< asked between operators; true ends the run
        Done done;
        /// Another batch of the same program, which has the values that depend on no input; may be null.
        const Batch* first = nullptr;
        const std::vector<char>* keep = nullptr; ///< by value: others are freed on the way; null: all are kept
        std::int64_t stepsRun = 0, stepsReused = 0;
    };
    /// Runs the steps that quantize a slot of `only` and whose inputs are up to date: what an edit changes first.
    bool runReady(Context& context, const std::vector<char>& only);
    /// Brings every value up to date. A stopped run leaves values and fingerprints as consistent as it found them.
    bool run(Context& context);

    /// Empty ones, in no state, before the step has run.
    const SiteFigures& figures(std::size_t step, std::size_t site) const;
    /// What the sums of products before that site asked of their accumulator; nothing where there are none.
    AccumulatorUse accumulator(std::size_t step, std::size_t site) const;
    /// The value of the last run, undefined when there is none.
    const at::Tensor& value(ValueId id) const { return m_values[static_cast<std::size_t>(id)]; }
    /// Whether that value is there and is the one that the fingerprint names.
    bool has(ValueId id, Fingerprint state) const;

    /// Forgets all but the inputs, so that many batches cost time and not memory.
    void release();
    /// Bytes of the float run's values, each storage once, without what depends on no input.
    std::int64_t floatBytes() const;

  private:
    Tensors runStep(std::size_t index, std::span<const at::Tensor> inputs, Context& context);
    at::Tensor quantizeStep(std::size_t index, const at::Tensor& x, Context& context);
    bool isCurrent(const Step& step, const Context& context) const;
    bool borrow(const Step& step, const Context& context);
    SampleMajor referenceOf(const Site& site, const at::Tensor& x) const;
    void takeInnerFigures(std::size_t index, std::size_t site, const Tensors& results, std::span<const at::Tensor> in,
                          Context& context);

    std::shared_ptr<const Program> m_program;
    Tensors m_inputs;
    SampleRange m_samples;
    Tensors m_float, m_values;
    std::vector<Fingerprint> m_states;               ///< of m_values; 0: none
    std::vector<std::vector<SiteFigures>> m_figures; ///< by step and site; of a step that never ran: empty
    std::vector<StepFindings> m_findings;            ///< by step
    std::vector<std::size_t> m_producer;             ///< by value: the step that gives it
    std::vector<char> m_constant;                    ///< by value
};

} // namespace fxp::quant
