#include "quant/export/memory_export.h"

#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/export/c_header.h"
#include "quant/export/memory_files.h"
#include "quant/export/memory_plan.h"
#include "quant/export/memory_text.h"
#include "quant/io/atomic_file.h"
#include "quant/io/json.h"

#include <filesystem>
#include <system_error>

namespace fxp::quant {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void readsOtherwise(const std::string& path) {
    throw Error(path, "reads otherwise than it was written", "check the disk, and export it again");
}

void makeFolder(const std::string& folder) {
    std::error_code code;
    fs::create_directories(folder, code);
    if (code || !fs::is_directory(folder, code))
        throw Error(folder, "cannot be made: " + (code ? code.message() : "there is a file of that name"),
                    "choose another folder");
}

/// Writes the tensors of one group in all kinds.
class GroupWriter {
  public:
    GroupWriter(const MemoryContent& content, const std::string& folder, const RunControl& control)
        : m_content(content), m_folder(folder), m_control(control),
          m_all(static_cast<double>(content.parameters.size() + content.golden.size())) {}

    void write(const std::vector<MemoryTensor>& tensors, const std::string& below, const std::string& header) {
        std::vector<HeaderTensor> arrays;
        bool hasHeader = false;
        for (const MemoryTensor& tensor : tensors) {
            stopHere(m_control.stop);
            const QType& type = m_content.formats[tensor.slot];
            const std::string& path = m_content.slots[tensor.slot].path;
            MemoryWords words = wordsOf(tensor.values, type, path);
            for (const MemoryKind kind : m_content.options.kinds) {
                hasHeader = hasHeader || kind == MemoryKind::CHeader;
                if (kind != MemoryKind::CHeader)
                    writeOne(kind, tensor, words, m_folder + "/" + below);
            }
            if (hasHeader)
                arrays.push_back({path, tensor.identifier, type, tensor.values.shape, std::move(words)});
            if (m_control.progress)
                m_control.progress(static_cast<double>(++m_done) / m_all);
        }
        if (arrays.empty())
            return;
        const std::string file = m_folder + "/" + header;
        writeAndCheck(file, cHeader(arrays, header == kGoldenHeader ? "FXP_GOLDEN_H" : "FXP_WEIGHTS_H"),
                      [&](std::string_view read) {
                          for (const HeaderTensor& array : arrays) {
                              if (readCArray(read, array.identifier, file) != array.words)
                                  readsOtherwise(file);
                          }
                      });
    }

  private:
    void writeOne(MemoryKind kind, const MemoryTensor& tensor, const MemoryWords& words, const std::string& folder) {
        const QType& type = m_content.formats[tensor.slot];
        const std::string file = folder + tensor.identifier + "." + std::string(name(kind));
        writeAndCheck(file, memoryFile(kind, words, type, tensor.values.shape), [&](std::string_view read) {
            if (readMemoryFile(kind, read, type, tensor.values.shape, file) != words)
                readsOtherwise(file);
        });
    }

    const MemoryContent& m_content;
    const std::string& m_folder;
    const RunControl& m_control;
    double m_all;
    std::size_t m_done = 0;
};

void writeTypesHeader(const std::string& file, const std::vector<TypedTensor>& tensors,
                      const std::vector<TypesTarget>& targets) {
    writeAndCheck(file, typesHeader(tensors, targets),
                  [&](std::string_view read) { checkTypesHeader(read, tensors, targets, file); });
}

} // namespace

void writeAndCheck(const std::string& path, std::string_view bytes,
                   const std::function<void(std::string_view)>& check) {
    writeFileAtomically(path, bytes);
    const FileBytes read = readFile(path);
    check(read.text());
}

void writeMemory(const MemoryContent& content, const std::string& folder, const RunControl& control) {
    makeFolder(folder);
    if (!content.golden.empty())
        makeFolder(folder + "/" + kGoldenFolder);
    GroupWriter writer(content, folder, control);
    writer.write(content.parameters, "", kWeightsHeader);
    writer.write(content.golden, kGoldenFolder, kGoldenHeader);
    if (!content.options.types.empty())
        writeTypesHeader(folder + "/" + kTypesHeader, typedTensors(content.slots, content.formats, content.identifiers),
                         content.options.types);
    const std::string qconfig = folder + "/" + kQConfigCopy, last = folder + "/" + kSidecar;
    writeAndCheck(qconfig, content.qconfig, [&](std::string_view read) {
        if (read != content.qconfig)
            readsOtherwise(qconfig);
    });
    const Json json = sidecar(content, sha256OfFile(qconfig));
    writeAndCheck(last, json.dump(1) + "\n", [&](std::string_view read) {
        if (parseJson(read, last) != json)
            readsOtherwise(last);
    });
}

std::vector<Refusal> writeTypes(const std::string& file, const std::vector<SlotInfo>& slots, const Formats& formats,
                                const std::vector<TypesTarget>& targets, bool leaveOut) {
    MemoryOptions options;
    options.types = targets;
    const std::vector<Refusal> refusals = memoryRefusals(slots, formats, options);
    if (!refusals.empty() && !leaveOut)
        refuse(refusals);
    writeTypesHeader(file, typedTensors(slots, formats, slotIdentifiers(slots)), targets);
    return refusals;
}

} // namespace fxp::quant
