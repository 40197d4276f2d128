#include "model/memory_job.h"

#include "quant/core/error.h"

#include <filesystem>
#include <system_error>

namespace fxp::model {

namespace {

namespace fs = std::filesystem;

/// Throws Error where a file to be written is, by whatever name, one that is read.
void refuseOverwriting(const QString& folder, const std::vector<std::string>& files, const QStringList& kept) {
    for (const std::string& file : files) {
        const fs::path output = fs::path(folder.toStdString()) / file;
        for (const QString& input : kept) {
            std::error_code code;
            if (!input.isEmpty() && fs::equivalent(output, fs::path(input.toStdString()), code) && !code)
                throw Error(output.string(), "is open here, and would be lost", "choose another folder");
        }
    }
}

} // namespace

std::optional<MemoryWritten> exportMemory(const Target& target, const QString& folder,
                                          const quant::MemoryOptions& options, const QStringList& kept,
                                          const JobControl& control) {
    const quant::Session& session = sessionOf(target, control);
    quant::RunControl first = control, second = control;
    if (control.progress) {
        first.progress = [&](double share) { control.progress(share / 2); };
        second.progress = [&](double share) { control.progress((1 + share) / 2); };
    }
    const auto content = quant::memoryContent(session, target.model->identity, target.formats, options, first);
    if (!content)
        return std::nullopt;
    const std::vector<std::string> files = content->files();
    const OpenRequest& request = target.model->request;
    refuseOverwriting(folder, files,
                      kept + request.samples +
                          QStringList{request.model, request.labels, request.qconfig, request.weights});
    quant::writeMemory(*content, folder.toStdString(), second);
    MemoryWritten written{folder, {}, content->refusals, {}};
    for (const std::string& file : files)
        written.files << QString::fromStdString(file);
    for (const std::string& note : content->notes)
        written.notes << QString::fromStdString(note);
    return written;
}

} // namespace fxp::model
