#include "quant/import/exported_modules.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace fxp::quant {

namespace {

std::string parentOf(const std::string& path) {
    const std::size_t dot = path.rfind('.');
    return dot == std::string::npos ? std::string() : path.substr(0, dot);
}

/// Modules by path, each after its parent, children in the order in which they came.
class Tree {
  public:
    Tree() { m_nodes[""] = {}; }

    ModuleInfo& add(const std::string& path) {
        const auto known = m_nodes.find(path);
        if (known != m_nodes.end())
            return known->second.info;
        const std::string parent = parentOf(path);
        add(parent);
        m_nodes[parent].children.push_back(path);
        Node& node = m_nodes[path];
        node.info.path = path;
        return node.info;
    }

    std::vector<ModuleInfo> inOrder() const {
        std::vector<ModuleInfo> list;
        std::vector<std::string> open{""};
        while (!open.empty()) {
            const Node& node = m_nodes.at(open.back());
            open.pop_back();
            list.push_back(node.info);
            open.insert(open.end(), node.children.rbegin(), node.children.rend());
        }
        return list;
    }

    /// What is in it, by how its children are named: numbers in a list, else names.
    void guessContainers() {
        for (auto& [path, node] : m_nodes) {
            if (!node.info.className.empty() || path.empty() || node.children.empty() || node.info.parameters > 0)
                continue;
            const bool numbered = std::ranges::all_of(node.children, [](const std::string& child) {
                return child.find_first_not_of("0123456789", child.rfind('.') + 1) == std::string::npos;
            });
            node.info.className = numbered ? "torch.nn.container.ModuleList" : "torch.nn.container.ModuleDict";
        }
    }

  private:
    struct Node {
        ModuleInfo info;
        std::vector<std::string> children;
    };
    std::unordered_map<std::string, Node> m_nodes;
};

void addParameters(Tree& tree, const NamedTensors& parameters) {
    for (const auto& [name, tensor] : parameters)
        tree.add(parentOf(name)).parameters += tensor.numel();
}

void addClasses(Tree& tree, const ExportedCall& call) {
    for (const ExportedCall& inner : call.calls) {
        tree.add(inner.frame.path).className = inner.frame.className;
        addClasses(tree, inner);
    }
}

} // namespace

std::vector<ModuleInfo> modulesOf(const NamedTensors& parameters) {
    Tree tree;
    addParameters(tree, parameters);
    return tree.inOrder();
}

std::vector<ModuleInfo> exportedModules(const ExportedProgram& program, const ExportedCall& calls,
                                        const NamedTensors& parameters) {
    Tree tree;
    addParameters(tree, parameters);
    for (const std::string& path : program.modulePaths)
        tree.add(path);
    addClasses(tree, calls);
    tree.add("").className = program.rootClass;
    // nn.MultiheadAttention reads its last layer's parameters and never calls it.
    for (const ModuleInfo& module : tree.inOrder()) {
        ModuleInfo& own = tree.add(module.path);
        if (own.className.empty() && module.path.ends_with("out_proj") &&
            tree.add(parentOf(module.path)).className.ends_with(".MultiheadAttention"))
            own.className = "torch.nn.linear.NonDynamicallyQuantizableLinear";
    }
    tree.guessContainers();
    return tree.inOrder();
}

std::set<std::string> leavesOf(const std::vector<ModuleInfo>& modules) {
    std::set<std::string> leaves, parents;
    for (const ModuleInfo& module : modules)
        parents.insert(parentOf(module.path));
    for (const ModuleInfo& module : modules) {
        if (module.className.starts_with("torch.nn.") && !parents.contains(module.path))
            leaves.insert(module.path);
    }
    return leaves;
}

} // namespace fxp::quant
