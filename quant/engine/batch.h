#pragma once

#include "quant/core/kernels/quantize_kernel.h"
#include "quant/engine/fingerprint.h"
#include "quant/engine/places.h"
#include "quant/graph/program.h"
#include "quant/ops/registry.h"
#include "quant/ops/sample_order.h"
#include "quant/ops/step_loop.h"

#include <functional>
#include <memory>
#include <vector>

namespace fxp::quant {

/// By value: whether a quantized run is compared with the float run's value. These are the values before a site, and
/// the outputs.
std::vector<char> floatValuesNeeded(const Program& program);
/// By value: whether it depends on no input.
std::vector<char> constantValues(const Program& program);
/// By value: whether it depends on no input and is the same in both programs, which have the same steps: computed by
/// the same operators from the same memory.
std::vector<char> commonConstants(const Program& a, const Program& b);

/// What a batch must know of each value of its program; batches of one program share it.
struct ValueOrigins {
    explicit ValueOrigins(const Program& program);

    std::vector<std::size_t> producer; ///< the step that gives it; StepLoop::kAll where none does
    std::vector<char> constant;        ///< constantValues
};

/// One batch of samples under one program: the values of the float run, and those last computed in a quantized run,
/// each with its fingerprint. A step whose results have the wanted fingerprints already is not run again. Keeps no
/// figures: they go to the caller as they arise.
class Batch {
  public:
    /// `origins` of the program, where the caller has them.
    Batch(std::shared_ptr<const Program> program, Tensors inputs, const SampleRange& samples,
          std::shared_ptr<const ValueOrigins> origins = nullptr);

    const Program& program() const { return *m_program; }
    const std::shared_ptr<const Program>& sharedProgram() const { return m_program; }
    const SampleRange& samples() const { return m_samples; }
    const Tensors& inputs() const { return m_inputs; }

    /// Stores the float run's values where the recording has them; else runFloat computes them.
    void setFloatValues(Tensors values) { m_float = std::move(values); }
    /// Called with the number of each step that quantizes, after the step.
    using Done = std::function<void(std::size_t)>;
    /// Computes the float run's values and keeps all of them, or those that `keep` marks. False when `stop` ended it.
    bool runFloat(const std::function<bool()>& stop, const std::vector<char>* keep = nullptr, const Done& done = {});
    /// Frees all float values except the marked ones.
    void keepFloat(const std::vector<char>& keep);
    const Tensors& floatValues() const { return m_float; }

    /// What a run needs in addition to the batch, and its counters.
    struct Context {
        const Formats& formats;
        const std::vector<Fingerprint>& states;
        const std::vector<LinearRange>& ranges; ///< by slot
        std::function<bool()> stop;             ///< asked between operators; true ends the run
        Done done;
        std::function<bool(std::size_t step, std::size_t site)> wanted; ///< whether somebody wants the site's figures
        std::function<PlaceFigures&(std::size_t step, std::size_t site)> figures; ///< where to add those wanted
        /// Another batch to copy values from that depend on no input, those that `common` marks; may be null.
        const Batch* first = nullptr;
        const std::vector<char>* common = nullptr;
        /// By step: whether it is wanted; null: all are.
        const std::vector<char>* only = nullptr;
        std::int64_t stepsRun = 0, stepsReused = 0;
    };
    /// Runs the steps that quantize a slot of `only` and whose inputs are up to date: the first results to show after
    /// an edit.
    bool runReady(Context& context, const std::vector<char>& only);
    /// Brings every wanted value up to date; the float run's values must be there. A stopped run leaves values and
    /// fingerprints as consistent as it found them.
    bool run(Context& context);
    /// The same for a batch whose values are not kept: computes the float run's values beside the quantized ones, step
    /// by step, and frees both after their last use. What is left are the outputs and what depends on no input.
    bool runThrough(Context& context);

    /// The bits that the sums of products before that site need; all zero where there are none.
    AccumulatorUse accumulator(std::size_t step, std::size_t site) const;
    /// The value of the last run, undefined when there is none.
    const at::Tensor& value(ValueId id) const { return m_values[static_cast<std::size_t>(id)]; }
    /// Whether the batch has that value with that fingerprint.
    bool has(ValueId id, Fingerprint state) const;

    /// Frees everything but the inputs. With many batches this saves memory and costs time.
    void release();
    /// Frees everything but the inputs and what depends on no input.
    void releaseSamples();

  private:
    void start();
    Tensors runStep(std::size_t index, std::span<const at::Tensor> inputs, Context& context);
    at::Tensor quantizeStep(std::size_t index, const at::Tensor& x, Context& context);
    bool isCurrent(const Step& step, const Context& context) const;
    bool wantsFigures(std::size_t index, const Context& context) const;
    PlaceFigures* placeFor(std::size_t index, std::size_t site, const at::Tensor& after, const Context& context) const;
    bool borrow(const Step& step, const Context& context);
    bool borrowFloat(const Step& step, const Context& context);
    /// By step: whether the float run's results are compared with somewhere.
    std::vector<char> floatStepsWanted(const Context& context) const;
    StepLoop quantizedLoop(Context& context);
    SampleMajor referenceOf(const Site& site, const at::Tensor& x) const;
    void addInnerFigures(std::size_t index, std::size_t site, const Tensors& results, std::span<const at::Tensor> in,
                         Context& context);

    std::shared_ptr<const Program> m_program;
    Tensors m_inputs;
    SampleRange m_samples;
    Tensors m_float, m_values;
    std::vector<Fingerprint> m_states;    ///< of m_values; 0: none
    std::vector<StepFindings> m_findings; ///< by step
    std::shared_ptr<const ValueOrigins> m_origins;
};

} // namespace fxp::quant
