#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace fxp::quant {

/// Numbers the operators of one module call: `add`, `add_1`, ….
struct OperatorScope {
    std::string path;
    std::string method; ///< empty for forward; the operators of other methods are counted separately
    bool leaf = false;  ///< a module of torch.nn without submodules: its own path goes to its first operator, or to the
                        ///< operator among them that is a layer
    bool taken = false; ///< whether the module's own path is given away
    std::map<std::string, int> counters;
    std::string
        place{}; ///< of the operator in a body that runs again and again; else empty. The place counts there: an
                 ///< operator has the same path in every turn, whichever of the others are computed in advance
};

/// Gives every operator of a model a path that no module and no other operator has. When a module is called again, its
/// operators get the same paths again.
class OperatorPaths {
  public:
    /// Paths that the model's modules have.
    void setModules(std::unordered_set<std::string> paths) { m_modules = std::move(paths); }

    /// The path of the next operator of that name in the scope. `isLayer`: it is a layer, and may get its module's path
    /// even after other operators.
    std::string next(const std::string& name, OperatorScope& scope, bool isLayer = false);

  private:
    std::string repeated(const std::string& name, OperatorScope& scope, bool isLayer);
    std::string firstFree(const std::string& name, const std::string& scope, int number);

    std::unordered_set<std::string> m_modules;
    std::unordered_map<std::string, std::string> m_paths;  ///< by scope, method, name and number or place
    std::unordered_map<std::string, std::string> m_owners; ///< the key of the operator that has its module's path
    std::unordered_map<std::string, int> m_numbers;        ///< where to look for a free number, by wanted path
    std::unordered_set<std::string> m_taken;
};

} // namespace fxp::quant
