#pragma once

#include "quant/core/stop.h"

#include <memory>
#include <string>
#include <vector>

namespace fxp::quant {

/// Looks at a model file before LibTorch's loader reads it in this process, and throws Error, naming the file, where it
/// must not; Stopped where `stop` said so. Empty: nothing is looked at.
using FileCheck = std::function<void(const std::string& file, const StopRequest& stop)>;

/// The process in which files are checked.
struct CheckProgram {
    /// The program and its arguments; the file is added as the last one. It must call runFileCheck() with it.
    std::vector<std::string> command;
    int seconds = 300; ///< that a file may take
};

/// A check that lets another process load the file with LibTorch first, whose loader crashes on some damaged files.
/// What that process may do is limited: its memory and time, no file written, no program started, no connection made.
/// A file that has not changed since it passed is not checked again.
FileCheck checkInChild(CheckProgram program);

/// The other process's side: limits this process, loads the file, tells the result on standard output, and returns the
/// exit status. Call it first in main(), before other threads run.
int runFileCheck(const std::string& file);

/// The argument by which the programs are asked to check a file.
constexpr const char* kFileCheckArgument = "--check-model-file";

} // namespace fxp::quant
