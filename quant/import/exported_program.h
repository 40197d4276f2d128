#pragma once

#include "quant/io/json.h"

#include <ATen/core/ivalue.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

struct ExportedGraph;

/// An argument or result of an exported operator: plain data, the name of a value of the graph, a list of such, or a
/// graph of its own (a branch).
struct ExportedArgument {
    enum class Kind : std::uint8_t { Value, Name, List, Graph, Unsupported };
    Kind kind = Kind::Value;
    at::IValue value;
    std::string name; ///< of the value; of Unsupported, what it is
    std::vector<ExportedArgument> list;
    std::shared_ptr<const ExportedGraph> graph;
};

/// A call of a module that an operator ran in.
struct ExportedFrame {
    std::string key;  ///< one for each call
    std::string path; ///< of the module
    std::string className;

    bool operator==(const ExportedFrame&) const = default;
};

struct ExportedNode {
    std::string target; ///< `torch.ops.aten.conv2d.default`, `_operator.mul`, …
    std::vector<std::pair<std::string, ExportedArgument>> inputs;
    std::vector<ExportedArgument> outputs;
    std::vector<ExportedFrame> stack; ///< outermost first, without the root
    bool isPlaced = false;            ///< the file says in which modules it stands
    std::string functionCall;         ///< one for each call of a function of PyTorch: `hardswish_1`; else empty
    std::string function;             ///< its name: `hardswish`
    std::string source;               ///< `file:line`, where it is known
};

struct ExportedGraph {
    std::vector<ExportedArgument> inputs, outputs;
    std::vector<ExportedNode> nodes;
};

/// What a value of the graph is at the start.
struct ExportedInput {
    enum class Kind : std::uint8_t { User, Parameter, Buffer, Constant, Ignored };
    Kind kind = Kind::User;
    std::string name;       ///< in the graph; empty for a constant of the user
    std::string target;     ///< of a parameter, buffer or constant: its name in the file; of the user: the argument's
    ExportedArgument value; ///< of an input of the user that the export fixed
    bool isFixed = false;   ///< `value` is what it must be
    bool isTensor = false;
    std::optional<std::vector<std::int64_t>> shape; ///< of a tensor; −1 where it may vary
    int scalarType = -1;                            ///< of a tensor (c10::ScalarType); −1: not known
};

/// The program of a .pt2 file, as torch.export serializes it.
struct ExportedProgram {
    ExportedGraph graph;
    std::vector<ExportedInput> inputs;
    std::vector<ExportedArgument> outputs; ///< those of the user
    std::vector<std::string> modulePaths;  ///< of all modules that were called
    std::string rootClass;                 ///< the model's own class; empty where the file does not say it
    std::string version;                   ///< of PyTorch
};

/// Reads the program's JSON. Throws Error at `where` with the place: it is not such a program.
ExportedProgram parseExportedProgram(const Json& json, const std::string& where);

/// A tensor's element type as torch.export numbers it, in c10's numbers; absent where this LibTorch has none of it.
std::optional<at::ScalarType> exportedScalarType(std::int64_t number);

} // namespace fxp::quant
