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

/// The figures of the quantization at one site of a step, in one batch.
struct SiteFigures {
    Fingerprint state = 0; ///< of the value after quantization
    Figures figures;
    QType localFormat;
    bool hasLocal = false;
    Figures localFigures; ///< of quantizing the float run's values to `localFormat`
};

/// By value: whether a quantized run is compared with the float run's value. These are the values before a site, and
/// the outputs.
std::vector<char> floatValuesNeeded(const Program& program);
/// By value: whether it depends on no input.
std::vector<char> constantValues(const Program& program);

/// One batch of samples under one program: the values of the float run, and those last computed in a quantized run,
/// each with its fingerprint. A step whose results have the wanted fingerprints already is not run again.
class Batch {
  public:
    Batch(std::shared_ptr<const Program> program, Tensors inputs, const SampleRange& samples);

    const Program& program() const { return *m_program; }
    const std::shared_ptr<const Program>& sharedProgram() const { return m_program; }
    const SampleRange& samples() const { return m_samples; }
    const Tensors& inputs() const { return m_inputs; }

    /// Stores the float run's values where the recording has them; else runFloat computes them.
    void setFloatValues(Tensors values) { m_float = std::move(values); }
    /// Computes the float run's values and keeps all of them, or those that `keep` marks. False when `stop` ended it.
    bool runFloat(const std::function<bool()>& stop, const std::vector<char>* keep = nullptr);
    /// Frees all float values except the marked ones.
    void keepFloat(const std::vector<char>& keep);
    const Tensors& floatValues() const { return m_float; }

    /// Called with the number of each step that quantizes, after the step.
    using Done = std::function<void(std::size_t)>;
    /// What a run needs in addition to the batch, and its counters.
    struct Context {
        const Formats& formats;
        const std::vector<Fingerprint>& states;
        const std::vector<LinearRange>& ranges; ///< by slot
        std::function<bool()> stop;             ///< asked between operators; true ends the run
        Done done;
        /// Another batch of the same program to copy values from that depend on no input; may be null.
        const Batch* first = nullptr;
        /// By value: others are freed after their last use; null: all are kept.
        const std::vector<char>* keep = nullptr;
        /// By step: whether it is wanted; null: all are.
        const std::vector<char>* only = nullptr;
        std::int64_t stepsRun = 0, stepsReused = 0;
    };
    /// Runs the steps that quantize a slot of `only` and whose inputs are up to date: the first results to show after
    /// an edit.
    bool runReady(Context& context, const std::vector<char>& only);
    /// Brings every wanted value up to date. A stopped run leaves values and fingerprints as consistent as it found them.
    bool run(Context& context);

    /// Empty figures, in no state, before the step has run.
    const SiteFigures& figures(std::size_t step, std::size_t site) const;
    /// The bits that the sums of products before that site need; all zero where there are none.
    AccumulatorUse accumulator(std::size_t step, std::size_t site) const;
    /// The value of the last run, undefined when there is none.
    const at::Tensor& value(ValueId id) const { return m_values[static_cast<std::size_t>(id)]; }
    /// Whether the batch has that value with that fingerprint.
    bool has(ValueId id, Fingerprint state) const;

    /// Frees everything but the inputs. With many batches this saves memory and costs time.
    void release();
    /// Bytes of the float run's values, each storage counted once; values that depend on no input are not counted.
    std::int64_t floatBytes() const;

  private:
    Tensors runStep(std::size_t index, std::span<const at::Tensor> inputs, Context& context);
    at::Tensor quantizeStep(std::size_t index, const at::Tensor& x, Context& context);
    bool isCurrent(const Step& step, const Context& context) const;
    bool borrow(const Step& step, const Context& context);
    SampleMajor referenceOf(const Site& site, const at::Tensor& x) const;
    void storeInnerFigures(std::size_t index, std::size_t site, const Tensors& results, std::span<const at::Tensor> in,
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
