#include "quant/record/operator_paths.h"

#include "quant/graph/layer_spec.h"

namespace fxp::quant {

std::string OperatorPaths::next(const std::string& name, OperatorScope& scope, bool isLayer) {
    if (!scope.place.empty())
        return repeated(name, scope, isLayer);
    const int count = scope.counters[name]++;
    const bool isFirst = scope.counters.size() == 1 && count == 0;
    if (scope.leaf && !scope.taken && (isFirst || isLayer)) {
        scope.taken = true;
        return scope.path;
    }
    std::string& path = m_paths[scope.path + '\n' + scope.method + '\n' + name + '\n' + std::to_string(count)];
    if (path.empty())
        path = firstFree(name, scope.path, count);
    return path;
}

std::string OperatorPaths::repeated(const std::string& name, OperatorScope& scope, bool isLayer) {
    const std::string key = scope.path + '\n' + scope.method + '\n' + name + '\n' + scope.place;
    const auto owner = m_owners.find(scope.path);
    const bool isFree = scope.leaf && !scope.taken && owner == m_owners.end();
    if (isFree && (isLayer || scope.counters.empty()))
        m_owners.emplace(scope.path, key);
    else if (owner == m_owners.end() || owner->second != key) {
        std::string& path = m_paths[key];
        int& number = m_numbers[joinPath(scope.path, name)];
        if (path.empty())
            path = firstFree(name, scope.path, number++);
        ++scope.counters[name];
        return path;
    }
    scope.taken = true;
    ++scope.counters[name];
    return scope.path;
}

std::string OperatorPaths::firstFree(const std::string& name, const std::string& scope, int number) {
    for (;; ++number) {
        const std::string wanted = joinPath(scope, number == 0 ? name : name + "_" + std::to_string(number));
        if (!m_modules.contains(wanted) && m_taken.insert(wanted).second)
            return wanted;
    }
}

} // namespace fxp::quant
