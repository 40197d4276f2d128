#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace fxp::quant {

/// The operators of one module call, as they are named: `add`, `add_1`, ….
struct OperatorScope {
    std::string path;
    std::string method; ///< empty for forward; another method's operators are others
    bool leaf = false;  ///< a module of torch.nn without submodules: its first operator takes the module's own path,
                        ///< or, before or after others, its layer
    bool taken = false; ///< the module's own path is
    std::map<std::string, int> counters;
};

/// Gives every operator of a model a path of its own: no module's, and no other operator's. The same operator of a
/// module that is called again has the same path.
class OperatorPaths {
  public:
    /// Paths that the model's modules have.
    void setModules(std::unordered_set<std::string> paths) { m_modules = std::move(paths); }

    /// The next operator of that name in the scope. `isLayer`: it is a layer, and may take its module's path where
    /// other operators came before it.
    std::string next(const std::string& name, OperatorScope& scope, bool isLayer = false);

  private:
    std::unordered_set<std::string> m_modules;
    std::unordered_map<std::string, std::string> m_paths; ///< by scope, method, name and number
    std::unordered_set<std::string> m_taken;
};

} // namespace fxp::quant
