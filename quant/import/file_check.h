#pragma once

#include "quant/core/stop.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace fxp::quant {

/// Looks at a model file before LibTorch's loader reads it in this process, and before its operators run here for the
/// first time; throws Error, naming the file, where they must not, and Stopped where `stop` said so. Empty: nothing is
/// looked at.
class FileCheck {
  public:
    /// `arguments`: those that the model is to run with, as packCall() gives them; empty where it is only read.
    using Function =
        std::function<void(const std::string& file, const StopRequest& stop, const std::string& arguments)>;

    FileCheck() = default;
    explicit FileCheck(Function function) : m_function(std::move(function)) {}

    explicit operator bool() const { return static_cast<bool>(m_function); }
    void operator()(const std::string& file, const StopRequest& stop, const std::string& arguments = {}) const {
        m_function(file, stop, arguments);
    }

  private:
    Function m_function;
};

/// What is to become of a check that takes long.
enum class Patience {
    Undecided, ///< it goes on, and the question is put again
    More,      ///< it has as much time once more
    Over,      ///< it is ended, and the file refused
};

/// The process in which files are checked.
struct CheckProgram {
    /// The program and its arguments; the file is added as the last one. It must call runFileCheck() with it.
    std::vector<std::string> command;
    int seconds = 300; ///< that a file may take
    /// Asked when they are over, in the thread of the check, again and again until it decides; `hasEnded`: the file was
    /// read meanwhile or refused, and the answer is not needed any more. Empty: they are over.
    std::function<Patience(const std::string& file, bool hasEnded)> whenLate = {};
};

/// A check that lets another process load the file with LibTorch first, whose loader crashes on some damaged files, and
/// run it once, because so do some operators. What that process may do is limited: its memory and time, no file
/// written, no program started, no connection made. A file that has not changed since it passed is not checked again,
/// with the same arguments.
FileCheck checkInChild(CheckProgram program);

/// The other process's side: limits this process, loads the file, runs it on the arguments that standard input has,
/// tells the result on standard output, and returns the exit status. Call it first in main(), before other threads run.
int runFileCheck(const std::string& file);

/// The argument by which the programs are asked to check a file.
constexpr const char* kFileCheckArgument = "--check-model-file";

} // namespace fxp::quant
