#include "quant/record/operator_paths.h"

#include "quant/graph/layer_spec.h"

namespace fxp::quant {

std::string OperatorPaths::next(const std::string& name, OperatorScope& scope, bool isLayer) {
    const int count = scope.counters[name]++;
    const bool isFirst = scope.counters.size() == 1 && count == 0;
    if (scope.leaf && !scope.taken && (isFirst || isLayer)) {
        scope.taken = true;
        return scope.path;
    }
    const std::string key = scope.path + '\n' + scope.method + '\n' + name + '\n' + std::to_string(count);
    std::string& path = m_paths[key];
    for (int number = count; path.empty(); ++number) {
        const std::string own = number == 0 ? name : name + "_" + std::to_string(number);
        const std::string wanted = joinPath(scope.path, own);
        if (!m_modules.contains(wanted) && m_taken.insert(wanted).second)
            path = wanted;
    }
    return path;
}

} // namespace fxp::quant
