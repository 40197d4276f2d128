#pragma once

#include "app/cli/own_inputs.h"
#include "quant/calibrate/options.h"
#include "quant/calibrate/starting_formats.h"
#include "quant/engine/session.h"
#include "quant/io/qconfig.h"
#include "quant/open_model.h"
#include "quant/train/finetune.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace fxp::cli {

/// The subcommands: declares their options on the parser, and runs the one that was chosen.
class Commands {
  public:
    explicit Commands(CLI::App& app);
    /// Throws Error.
    void run();

  private:
    void declareInfo(CLI::App& app);
    void declareCalibrate(CLI::App& app);
    void declareRun(CLI::App& app);
    void declareFinetune(CLI::App& app);
    void declareExport(CLI::App& app);
    void declareInputs(CLI::App& command, bool required);

    void info();
    void calibrate();
    void runModel();
    void finetune();
    void exportMemory();
    void exportTypes();
    /// Writes the reports that --report, --html and --csv ask for.
    void writeReports(const quant::Session& session, const quant::Formats& formats,
                      const quant::RunResult& result) const;
    /// Prints where the run differs from the log of --compare-log. Throws Error when it does.
    void compareLog(const std::vector<quant::Session::LoggedTensor>& run) const;
    /// Those of --qconfig, whose folded batch norms the session folds; all float without.
    quant::Formats formats(quant::Session& session) const;

    /// Throws Error when there are no --inputs, and the model needs some.
    void requireInputs(const quant::Session& session) const;
    quant::Samples samples(quant::Session& session) const;
    std::unique_ptr<quant::Session> open() const;
    quant::ModelIdentity identity(const quant::Session& session) const;
    /// The files and folders that are read, by their options.
    std::vector<NamedFile> inputFiles() const;

    struct Options {
        std::string model, weights, labels, qconfig, output, report, html, csv, log, compareLog, outputs, golden;
        std::vector<std::string> inputs, settings, shapes, same, kinds, types;
        std::string method = "no_overflow", rounding = "ROUND", overflow = "SATURATE";
        std::string scheme = "power_of_two";
        quant::BitBudget bits;
        quant::FinetuneOptions training;
        double percentile = 99.9;
        int accumulatorBits = 0; ///< 0: exact
        int threads = 0;
        std::string modelMethod; ///< empty: forward
        int loadTimeout = 300;   ///< seconds
        double memory = 1.0;     ///< GiB
        bool json = false, logValues = false, anyModel = false, perChannel = false, forFxPyTorch = false,
             foldBatchNorms = false, program = false, leaveOut = false;
    };
    Options m_options;
    std::function<void()> m_chosen;
};

} // namespace fxp::cli
