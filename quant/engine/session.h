#pragma once

#include "quant/calibrate/options.h"
#include "quant/engine/array.h"
#include "quant/engine/run_result.h"
#include "quant/graph/layer_spec.h"
#include "quant/graph/module_info.h"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace fxp::quant {

class Network;
struct Recording;
struct FinetuneOptions;
struct Finetuned;
struct EpochReport;

/// Limits of a session's memory.
struct SessionOptions {
    std::int64_t memoryBytes = std::int64_t{1} << 30; ///< for values of samples: kept between runs, or in the batch
                                                      ///< that runs
    std::int64_t batchSize = 0;                       ///< samples per batch; 0: what the memory allows
};

/// How the caller observes and stops a long operation. Each function may be empty.
struct RunControl {
    std::function<bool()> stop;               ///< asked between operators; true ends the operation
    std::function<void(RunSnapshot)> publish; ///< figures so far, from the thread that runs
    std::function<void(double)> progress;     ///< 0 … 1
    std::function<int()> first;               ///< the slot whose figures a run is to give before others; −1: none
    std::uint64_t edit = 0;                   ///< copied into every snapshot
};

/// Samples for a model: its inputs by name, and labels where there are any.
struct Samples {
    NamedArrays inputs;
    std::vector<std::int32_t> labels;
    std::int64_t chosenOn = 0; ///< formats are chosen on so many first samples, the others only judge; 0: on all
};

/// A slot's quantized values at one of the places where it is quantized.
struct SlotValues {
    std::size_t slot = 0;
    std::size_t use = 0; ///< counts the slot's places, in the order of computation
    int dimension = -1; ///< along which the samples lie; −1: the values are the same for all; −2: samples cannot be
                        ///< told apart, and the values are those of all
    Array values;
};

/// A model, its samples, and the runs over them. Not thread-safe: one thread at a time uses it. A call that throws
/// leaves it as it was.
class Session {
  public:
    explicit Session(std::unique_ptr<Network> network, SessionOptions options = {});
    ~Session();

    const std::vector<ModuleInfo>& modules() const;
    const std::vector<ArgumentInfo>& arguments() const;

    /// Runs the float model over the samples and finds the slots. False when stopped; the session is then as before.
    /// Throws Error when the model does not take them. Values that are not finite do not change which layers are found.
    bool setSamples(std::shared_ptr<const Samples> samples, const RunControl& control = {});
    bool setSamples(Samples samples, const RunControl& control = {});
    /// Random normal values, reproducible from the seed, for the tensors that the model takes: of the shape that
    /// `shapes` has for the input's name, or under the empty name, else the file; an optional input needs its own.
    /// Inputs of integers get zeros and ones. The model is not run to find a shape. Throws Error naming the inputs that
    /// have none.
    Samples randomSamples(std::uint64_t seed,
                          const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes) const;
    bool hasSamples() const;
    std::int64_t sampleCount() const;
    /// Samples::chosenOn as far as it holds: 0 where all samples choose, because they cannot be told apart or none
    /// would be left to judge.
    std::int64_t chosenOn() const;
    /// Null before there are any.
    std::shared_ptr<const Samples> samples() const;
    /// Whether the model file holds weights and no program (Network::isWeightsOnly).
    bool isWeightsOnly() const;

    /// The slots of the model, known once it has samples; formats are given in this order.
    const std::vector<SlotInfo>& slots() const;
    const std::vector<LayerSpec>& layers() const;
    /// All float.
    Formats floatFormats() const;
    /// What the model's file says (Network::formats), float where it says nothing: the formats that a session begins
    /// with.
    Formats fileFormats() const;
    /// By slot: whether it is inside a recurrent step, so that its values depend on its own format. sqnrTable then
    /// computes the error of the other formats on the values of the last run; a run with one of them would differ.
    std::vector<bool> fedBack() const;

    /// Runs with the formats and recomputes only what depends on a format that changed since the last run. Null when
    /// stopped; what was computed until then is kept and used. Throws Error naming the tensor whose format is partial.
    RunSnapshot run(const Formats& formats, const RunControl& control = {});
    /// The newest snapshot, complete or not; null before the first run.
    RunSnapshot latest() const;

    /// Fills the partial formats in from the values that the tensors take in the samples that choose, each layer's
    /// inputs quantized already. Absent when stopped.
    std::optional<Formats> calibrate(const Formats& given, const CalibrationOptions& options,
                                     const RunControl& control = {});

    /// Trains the weights and biases of a classifier with the formats in place (quant/train/finetune.h): cross entropy
    /// of the first output against the samples' labels. Gives those of the epoch that is best on the samples held out,
    /// and leaves the model as it was; no parameters when stopped. `report` is called after each epoch, and with the
    /// state before the first. Throws Error when there are no labels, or the first output is not [N, classes].
    Finetuned finetune(const Formats& formats, const FinetuneOptions& options,
                       const std::function<void(const EpochReport&)>& report, const RunControl& control = {});
    /// The parameters and buffers under the file's names.
    NamedArrays parameters() const;
    /// Throws Error when one of them is not one of the model's, by name and shape.
    void requireParameters(const NamedArrays& values) const;
    /// Gives parameters new values and, where there are samples, runs the float model anew. False when stopped; then,
    /// and when it throws, the model is as before.
    bool setParameters(const NamedArrays& values, const RunControl& control = {});

    /// The batch norms, by path, that the layer before them can take in, or has taken in. Empty without samples.
    std::vector<std::string> foldableBatchNorms() const;
    /// The other batch norms, by path, and why they cannot be folded.
    std::vector<std::pair<std::string, std::string>> unfoldableBatchNorms() const;
    /// What the user must know of the recording, one sentence each (RunResult::notes). Empty without samples.
    std::vector<std::string> notes() const;
    /// The program of the first batch as text, one step a line (programText of graph/program.h). Empty without samples.
    std::string programText() const;
    /// Those that are not folded and can be, each with the path of the layer that would take it in.
    std::vector<std::pair<std::string, std::string>> batchNormFolds() const;
    const std::set<std::string>& foldedBatchNorms() const;
    /// Folds exactly these batch norms into the layers before them, and runs the float model anew; the slots of folded
    /// batch norms disappear, those of unfolded ones appear. False when stopped; then, and when it throws, the model is
    /// as before. Throws Error naming one that is not one of foldableBatchNorms().
    bool setFoldedBatchNorms(const std::set<std::string>& norms, const RunControl& control = {});

    /// The model's outputs under the formats of the last complete run, all samples; `output_0`, ….
    NamedArrays outputs(bool fromFloat = false);

    /// SQNR in dB of one slot's values in the last run for every T in `totals` and I in `integers`, row by row: what a
    /// run with that format would show of the slot (but see fedBack), however much memory there is. Empty when
    /// stopped.
    std::vector<double> sqnrTable(std::size_t slot, std::span<const int> totals, std::span<const int> integers,
                                  const QType& method, const RunControl& control = {});

    /// What a run with the formats computes of the slots marked in `wanted`, at each place where one is quantized, in
    /// the order of computation: of the samples of these numbers, one after another. Absent when stopped. Throws Error
    /// naming the tensor whose format is partial, or the sample that there is not.
    std::optional<std::vector<SlotValues>> slotValues(const Formats& formats, const std::vector<char>& wanted,
                                                      std::span<const std::int64_t> samples,
                                                      const RunControl& control = {}) const;

    /// One tensor of the activation log, with its values where `withValues`.
    struct LoggedTensor {
        std::string key, layerType;
        bool present = false;
        Array array;
    };
    /// The log of the last complete run, over the first batch of samples, in the order of computation. Throws Error
    /// when there is none.
    std::vector<LoggedTensor> log() const;

  private:
    struct Data;
    struct Run;
    /// What one attempt to set samples found out for the next one.
    struct Attempt {
        bool again = false;
        bool whole = false; ///< the samples are one batch that cannot be split
    };
    std::unique_ptr<Data> makeData(const Samples& samples, const RunControl& control, Attempt& attempt);
    Recording recordTensors(const std::vector<at::Tensor>& tensors);

    std::unique_ptr<Network> m_network;
    SessionOptions m_options;
    std::set<std::string> m_folded;
    std::unique_ptr<Data> m_data;
};

/// Threads that LibTorch and the kernels use: those of one pool, at most mostThreads(). Results do not depend on it.
void setThreadCount(int count);
/// Four times the machine's cores.
int mostThreads();

} // namespace fxp::quant
