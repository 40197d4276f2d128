#include "model/workspace.h"

#include "quant/core/error.h"

#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace fxp::model {

namespace {

using ByName = std::unordered_map<std::string_view, const quant::Array*>;

ByName byName(const ArraysPointer& arrays) {
    ByName result;
    if (arrays) {
        for (const auto& [name, array] : arrays->items)
            result.emplace(name, &array);
    }
    return result;
}

/// The values to set so that exactly the `wanted` parameters differ from the file's.
quant::NamedArrays replacements(const Workspace& workspace, const ArraysPointer& wanted) {
    const ByName now = byName(workspace.weights), then = byName(wanted);
    quant::NamedArrays result;
    for (const auto& [name, array] : workspace.original->items) {
        if (const auto found = then.find(name); found != then.end())
            result.items.emplace_back(name, *found->second);
        else if (now.contains(name))
            result.items.emplace_back(name, array);
    }
    return result;
}

void orStop(bool done) {
    if (!done)
        throw quant::Stopped();
}

} // namespace

quant::Session& sessionOf(const Target& target, const quant::RunControl& control) {
    if (!target.workspace)
        throw Error("", "no model is open", "open one first");
    Workspace& workspace = *target.workspace;
    quant::Session& session = *workspace.session;
    if (workspace.weights != target.weights) {
        if (!workspace.original)
            workspace.original = std::make_shared<const quant::NamedArrays>(session.parameters());
        orStop(session.setParameters(replacements(workspace, target.weights), control));
        workspace.weights = target.weights;
    }
    if (session.foldedBatchNorms() != target.model->identity.folded)
        orStop(session.setFoldedBatchNorms(target.model->identity.folded, control));
    if (session.samples() != target.model->samples)
        orStop(session.setSamples(target.model->samples, control));
    return session;
}

ArraysPointer merged(const ArraysPointer& base, const quant::NamedArrays& changes) {
    auto result = std::make_shared<quant::NamedArrays>(changes);
    if (base) {
        std::unordered_set<std::string_view> changed;
        for (const auto& [name, array] : changes.items)
            changed.insert(name);
        for (const auto& item : base->items) {
            if (!changed.contains(item.first))
                result->items.push_back(item);
        }
    }
    return result;
}

} // namespace fxp::model
