#include "app/cli/commands.h"

#include "app/cli/own_inputs.h"
#include "app/cli/text.h"
#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/export/memory_export.h"
#include "quant/export/memory_files.h"
#include "quant/export/sample_list.h"
#include "quant/io/json.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace fxp::cli {

using quant::Json;

namespace {

template <class Values> std::vector<std::string> namesOf(const Values& values) {
    std::vector<std::string> names;
    for (const auto value : values)
        names.emplace_back(quant::name(value));
    return names;
}

std::vector<quant::TypesTarget> targetsOf(const std::vector<std::string>& names) {
    std::vector<quant::TypesTarget> targets;
    for (const quant::TypesTarget target : quant::kTypesTargets) {
        for (const std::string& name : names) {
            if (quant::typesTarget(name) == target && (targets.empty() || targets.back() != target))
                targets.push_back(target);
        }
    }
    return targets;
}

void printRefusals(const std::vector<quant::Refusal>& refusals) {
    for (const quant::Refusal& refusal : refusals)
        std::cerr << "fxp: left out: " << oneLine(quant::listOf({refusal})) << '\n';
}

} // namespace

void Commands::declareExport(CLI::App& app) {
    CLI::App* command = app.add_subcommand("export", "hand the integers and their formats over to hardware");
    command->require_subcommand(1);
    const auto declare = [&](CLI::App& one, const char* what) {
        declareInputs(one, false);
        one.add_option("--qconfig", m_options.qconfig, "formats")->required();
        one.add_flag("--any-model", m_options.anyModel, "take a QConfig that was made for another model file");
        one.add_option("-o,--output", m_options.output, what)->required();
        one.add_flag("--leave-out", m_options.leaveOut,
                     "leave out what a target cannot express, and write the rest; else nothing is written then");
    };
    CLI::App* memory = command->add_subcommand(
        "memory", "weights and biases as memory images, and golden vectors, with a sidecar memory.json");
    declare(*memory, "folder to write into");
    memory->add_option("--kinds", m_options.kinds, "files to write (default: mem)")
        ->delimiter(',')
        ->check(CLI::IsMember(namesOf(quant::kMemoryKinds)));
    memory->add_option("--golden", m_options.golden, "samples whose integers to write for every tensor: 0,3-5");
    std::vector<std::string> targets = namesOf(quant::kTypesTargets);
    for (const quant::TypesTarget target : quant::kTypesTargets)
        targets.emplace_back(quant::name(target).substr(0, 2));
    memory->add_option("--types", m_options.types, "also a types.h for these: ap_fixed, ac_fixed, sc_fixed")
        ->delimiter(',')
        ->check(CLI::IsMember(targets));
    memory->callback([this] { m_chosen = [this] { exportMemory(); }; });
    CLI::App* types =
        command->add_subcommand("types", "a C++ header with the format of every tensor as a fixed-point type");
    declare(*types, "header to write");
    types->add_option("--types", m_options.types, "libraries (default: ap_fixed, ac_fixed, sc_fixed)")
        ->delimiter(',')
        ->check(CLI::IsMember(targets));
    types->callback([this] { m_chosen = [this] { exportTypes(); }; });
}

void Commands::exportMemory() {
    auto session = open();
    requireInputs(*session);
    session->setSamples(samples(*session));
    const quant::Formats formats = this->formats(*session);
    quant::MemoryOptions options;
    for (const std::string& kind : m_options.kinds.empty() ? std::vector<std::string>{"mem"} : m_options.kinds) {
        if (std::ranges::find(options.kinds, *quant::memoryKind(kind)) == options.kinds.end())
            options.kinds.push_back(*quant::memoryKind(kind));
    }
    options.types = targetsOf(m_options.types);
    options.golden = quant::sampleNumbers(m_options.golden, session->sampleCount());
    options.leaveOut = m_options.leaveOut;
    const auto content = quant::memoryContent(*session, identity(*session), formats, options);
    std::vector<NamedFile> outputs;
    for (const std::string& file : content->files())
        outputs.emplace_back("--output", m_options.output + "/" + file);
    refuseOwnInputs(inputFiles(), outputs);
    quant::writeMemory(*content, m_options.output);
    printRefusals(content->refusals);
    for (const std::string& note : content->notes)
        std::cerr << "fxp: " << oneLine(note) << '\n';
    if (m_options.json) {
        std::cout << quant::readFile(m_options.output + "/" + quant::kSidecar).text();
        return;
    }
    std::printf("parameters      %zu\n", content->parameters.size());
    if (!options.golden.empty())
        std::printf("golden vectors  %zu, of %zu samples\n", content->golden.size(), content->options.golden.size());
    std::printf("files           %zu in %s, each read again and compared\n", outputs.size(),
                oneLine(m_options.output).c_str());
}

void Commands::exportTypes() {
    auto session = open();
    requireInputs(*session);
    session->setSamples(samples(*session));
    const quant::Formats formats = this->formats(*session);
    const auto targets = m_options.types.empty()
                             ? std::vector<quant::TypesTarget>(quant::kTypesTargets.begin(), quant::kTypesTargets.end())
                             : targetsOf(m_options.types);
    const auto refusals = quant::writeTypes(m_options.output, session->slots(), formats, targets, m_options.leaveOut);
    if (!m_options.json) {
        printRefusals(refusals);
        return;
    }
    Json refused = Json::array();
    for (const quant::Refusal& refusal : refusals)
        refused.push_back({{"name", refusal.path}, {"target", refusal.target}, {"reason", refusal.reason}});
    std::cout << Json{{"header", m_options.output}, {"refused", refused}}.dump(2) << '\n';
}

} // namespace fxp::cli
