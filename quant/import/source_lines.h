#pragma once

#include <string>

namespace torch::jit {
struct Node;
}

namespace fxp::quant {

/// A line of Python, `net.py:12`.
struct SourceLine {
    std::string text;       ///< empty where the file does not tell
    bool isLibrary = false; ///< a line of PyTorch itself, and not of the model
};

/// The innermost line of the model's own code in a Python traceback (`File "/a/net.py", line 12, in forward`, outermost
/// first); the innermost one of all where the model has none in it.
std::string sourceOfTraceback(const std::string& traceback);

/// The line that a node of TorchScript comes from: for a traced one the innermost of the model's own code among the
/// lines that were running, for a scripted one the line itself.
SourceLine sourceLineOf(const torch::jit::Node& node);

} // namespace fxp::quant
