#include "app/cli/commands.h"

#include "app/cli/files_and_text.h"
#include "quant/core/error.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>

namespace fxp::cli {

using Json = nlohmann::ordered_json;

void Commands::declareInfo(CLI::App& app) {
    CLI::App* command = app.add_subcommand("info", "the layer tree: paths, types, slots, shapes, parameters");
    declareInputs(*command, false);
    command->callback([this] { m_chosen = [this] { info(); }; });
}

void Commands::info() {
    auto session = open();
    std::string why;
    try {
        session->setSamples(samples(*session));
    } catch (const Error& error) {
        if (!m_options.inputs.empty())
            throw;
        why = error.what(); // the tree needs no run; its slots do
    }
    if (m_options.json) {
        Json json{
            {"format", "fxp-workbench/info"}, {"version", 1}, {"inputs", Json::array()}, {"modules", Json::array()}};
        for (const auto& argument : session->arguments())
            json["inputs"].push_back({{"name", argument.name}, {"optional", argument.optional}});
        for (const auto& module : session->modules())
            json["modules"].push_back({{"path", module.path},
                                       {"class", module.className},
                                       {"parameters", module.parameters},
                                       {"note", module.note}});
        json["layers"] = Json::array();
        for (const auto& layer : session->layers())
            json["layers"].push_back({{"path", layer.name}, {"type", layer.type}});
        json["tensors"] = Json::array();
        for (const auto& slot : session->slots())
            if (!slot.absent)
                json["tensors"].push_back({{"path", slot.path},
                                           {"layer_type", slot.layerType},
                                           {"parameter", slot.parameter},
                                           {"shape", slot.shape}});
        json["slots_unknown"] = why;
        std::cout << json.dump(2) << '\n';
        return;
    }
    std::int64_t parameters = 0;
    for (const auto& module : session->modules()) {
        parameters += module.parameters;
        std::cout << (module.path.empty() ? "(model)" : module.path) << "  " << module.className;
        if (module.parameters > 0)
            std::cout << "  " << module.parameters << " parameters";
        if (!module.note.empty())
            std::cout << "  [" << module.note << "]";
        std::cout << '\n';
        // A module's own slots, and those of layers nested in it that are no modules of the file.
        for (const auto& slot : session->slots()) {
            if (slot.layerPath == module.path && !slot.absent)
                std::cout << "    " << slot.path << "  " << slot.layerType << "  " << shapeText(slot.shape) << '\n';
        }
    }
    for (const auto& slot : session->slots()) {
        const bool shown =
            std::ranges::any_of(session->modules(), [&](const auto& module) { return module.path == slot.layerPath; });
        if (!shown && !slot.absent)
            std::cout << "    " << slot.path << "  " << slot.layerType << "  " << shapeText(slot.shape) << '\n';
    }
    std::cout << parameters << " parameters, " << session->slots().size() << " tensors\n";
    if (!why.empty())
        std::cout << "tensors are known once the model has run: " << why << '\n';
}

} // namespace fxp::cli
