#pragma once

#include "quant/import/exported_program.h"

#include <cstddef>
#include <string>
#include <vector>

namespace fxp::quant {

/// A call of a function of PyTorch that the export decomposed: the operators from `begin` up to `end` of a graph.
struct ExportedFunction {
    std::string name; ///< `hardswish`
    std::size_t begin = 0, end = 0;
    std::vector<std::string> arguments, results; ///< as a module's
};

/// A call of a module: the operators from `begin` up to `end` of a graph ran in it. A torch.export file has no calls,
/// only the stack of modules that each operator stands in.
struct ExportedCall {
    ExportedFrame frame; ///< of the root: empty
    std::size_t begin = 0, end = 0;
    std::vector<ExportedCall> calls;         ///< inside it, in order
    std::vector<ExportedFunction> functions; ///< of its own operators, in order
    std::vector<std::string> arguments;      ///< values from outside that it reads, in the order of their first use
    std::vector<std::string> results;        ///< values of its own that others read, in the order in which they arise
    bool isWhole = true;                     ///< no operator of the same call stands elsewhere
};

/// The calls of a graph. Throws Error at `where`: they are nested more than 200 deep.
ExportedCall findCalls(const ExportedGraph& graph, const std::string& where);

/// Visits the names of values in an argument, through lists.
template <class Visit> void forEachName(const ExportedArgument& argument, const Visit& visit) {
    if (argument.kind == ExportedArgument::Kind::Name)
        visit(argument.name);
    for (const ExportedArgument& item : argument.list)
        forEachName(item, visit);
}

} // namespace fxp::quant
