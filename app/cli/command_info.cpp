#include "app/cli/commands.h"

#include "app/cli/text.h"
#include "quant/core/error.h"
#include "quant/io/json.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

namespace fxp::cli {

using quant::Json;

void Commands::declareInfo(CLI::App& app) {
    CLI::App* command = app.add_subcommand("info", "the layer tree: paths, types, slots, shapes, parameters");
    declareInputs(*command, false);
    command->add_flag("--program", m_options.program, "print the program that the model becomes, one step a line");
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
    if (m_options.program) {
        if (!why.empty())
            throw Error(m_options.model, "the program is known once the model has run: " + why, "give --inputs");
        std::istringstream lines(session->programText());
        for (std::string line; std::getline(lines, line);)
            std::cout << oneLine(line) << '\n';
        return;
    }
    if (m_options.json) {
        Json json{
            {"format", "fxp-workbench/info"}, {"version", 1}, {"inputs", Json::array()}, {"modules", Json::array()}};
        for (const auto& argument : session->arguments()) {
            json["inputs"].push_back({{"name", argument.name}, {"optional", argument.optional}});
            if (argument.shape) // −1 where a size may vary
                json["inputs"].back()["shape"] = *argument.shape;
        }
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
    std::multimap<std::string_view, const quant::SlotInfo*> byLayer; // equal keys stay in the slots' order
    for (const auto& slot : session->slots()) {
        if (!slot.absent)
            byLayer.emplace(slot.layerPath, &slot);
    }
    const auto print = [](const quant::SlotInfo& slot) {
        std::cout << "    " << oneLine(slot.path) << "  " << slot.layerType << "  " << shapeText(slot.shape) << '\n';
    };
    std::set<std::string_view> shown;
    std::int64_t parameters = 0;
    for (const auto& module : session->modules()) {
        parameters += module.parameters;
        std::cout << (module.path.empty() ? "(model)" : oneLine(module.path)) << "  " << oneLine(module.className);
        if (module.parameters > 0)
            std::cout << "  " << module.parameters << " parameters";
        if (!module.note.empty())
            std::cout << "  [" << oneLine(module.note) << "]";
        std::cout << '\n';
        // A module's own slots, and those of layers nested in it that are no modules of the file.
        const auto [first, last] = byLayer.equal_range(module.path);
        std::for_each(first, last, [&](const auto& entry) { print(*entry.second); });
        shown.insert(module.path);
    }
    for (const auto& slot : session->slots()) {
        if (!slot.absent && !shown.contains(slot.layerPath))
            print(slot);
    }
    std::cout << parameters << " parameters, " << session->slots().size() << " tensors\n";
    if (!why.empty())
        std::cout << "tensors are known once the model has run: " << oneLine(why) << '\n';
}

} // namespace fxp::cli
