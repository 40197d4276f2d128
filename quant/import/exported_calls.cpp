#include "quant/import/exported_calls.h"

#include "quant/core/error.h"
#include "quant/import/exported_operators.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

namespace fxp::quant {

namespace {

constexpr std::size_t kMaxDepth = 200;
constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

class CallFinder {
  public:
    CallFinder(const ExportedGraph& graph, const std::string& where) : m_graph(graph) {
        fillStacks(where);
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            for (const auto& [name, input] : graph.nodes[i].inputs)
                forEachName(input, [&](const std::string& value) { m_lastUse[value] = i; });
            for (const ExportedArgument& output : graph.nodes[i].outputs)
                forEachName(output, [&](const std::string& value) { m_producer.try_emplace(value, i); });
        }
        for (const ExportedArgument& output : graph.outputs)
            forEachName(output, [&](const std::string& value) { m_lastUse[value] = kNever; });
    }

    ExportedCall root() {
        ExportedCall call;
        call.end = m_graph.nodes.size();
        fill(call, 0);
        markParts(call);
        return call;
    }

  private:
    using Stack = std::vector<ExportedFrame>;

    static std::size_t common(const Stack& a, const Stack& b) {
        const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
        return static_cast<std::size_t>(end - a.begin());
    }

    /// A node that the file does not place (a size that is read) stands in what its neighbours have in common.
    void fillStacks(const std::string& where) {
        const auto& nodes = m_graph.nodes;
        m_stacks.resize(nodes.size());
        Stack before;
        std::size_t open = 0; // the first node that is not placed yet
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (nodes[i].stack.size() > kMaxDepth)
                throw Error(where, "calls modules more than 200 deep", "give a file that is what it claims to be");
            if (!nodes[i].isPlaced)
                continue;
            const auto shared = static_cast<std::ptrdiff_t>(common(before, nodes[i].stack));
            for (; open < i; ++open)
                m_stacks[open] = Stack(before.begin(), before.begin() + shared);
            m_stacks[open++] = before = nodes[i].stack;
        }
    }

    void fill(ExportedCall& call, std::size_t depth) {
        for (std::size_t i = call.begin; i < call.end;) {
            if (m_stacks[i].size() <= depth) {
                i = addFunction(call, i, depth);
                continue;
            }
            ExportedCall inner;
            inner.frame = m_stacks[i][depth];
            inner.begin = i;
            while (i < call.end && m_stacks[i].size() > depth && m_stacks[i][depth].key == inner.frame.key)
                ++i;
            inner.end = i;
            ++m_spans[inner.frame.key];
            findValues(inner);
            fill(inner, depth + 1);
            call.calls.push_back(std::move(inner));
        }
    }

    /// The function that the operator there begins: the next operator after it.
    std::size_t addFunction(ExportedCall& call, std::size_t begin, std::size_t depth) const {
        const ExportedNode& first = m_graph.nodes[begin];
        ExportedFunction function{first.function, begin, begin + 1, {}, {}};
        while (function.end < call.end && m_stacks[function.end].size() <= depth && !first.functionCall.empty() &&
               m_graph.nodes[function.end].functionCall == first.functionCall)
            ++function.end;
        if (!isComposedFunction(first.function) || isOperatorOf(first.target, first.function))
            return function.end;
        findValues(function);
        call.functions.push_back(std::move(function));
        return call.functions.back().end;
    }

    template <class Part> void findValues(Part& call) const {
        std::set<std::string> seen;
        for (std::size_t i = call.begin; i < call.end; ++i) {
            for (const auto& [name, input] : m_graph.nodes[i].inputs) {
                forEachName(input, [&](const std::string& value) {
                    const auto producer = m_producer.find(value);
                    const bool isOwn = producer != m_producer.end() && producer->second >= call.begin;
                    if (!isOwn && seen.insert(value).second)
                        call.arguments.push_back(value);
                });
            }
            for (const ExportedArgument& output : m_graph.nodes[i].outputs) {
                forEachName(output, [&](const std::string& value) {
                    const auto last = m_lastUse.find(value);
                    if (last != m_lastUse.end() && last->second >= call.end)
                        call.results.push_back(value);
                });
            }
        }
    }

    void markParts(ExportedCall& call) const {
        const auto spans = m_spans.find(call.frame.key);
        call.isWhole = spans == m_spans.end() || spans->second == 1;
        for (ExportedCall& inner : call.calls)
            markParts(inner);
    }

    const ExportedGraph& m_graph;
    std::vector<Stack> m_stacks;
    std::unordered_map<std::string, std::size_t> m_lastUse, m_producer;
    std::map<std::string, int> m_spans;
};

} // namespace

ExportedCall findCalls(const ExportedGraph& graph, const std::string& where) {
    return CallFinder(graph, where).root();
}

} // namespace fxp::quant
