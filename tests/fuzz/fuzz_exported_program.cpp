#include "fuzz.h"

#include "quant/import/exported_archive.h"
#include "quant/import/exported_calls.h"
#include "quant/io/json.h"

using namespace fxp::quant;

/// The whole archive; and its JSON alone, which few changes of an archive's bytes would reach.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fxp::fuzz::readsOrRefuses([&] {
        if (size > 0 && data[0] == '{') {
            const ExportedProgram program = parseExportedProgram(parseJson(fxp::fuzz::text(data, size), ""), "file");
            findCalls(program.graph, "file");
        } else {
            const fxp::fuzz::FileInMemory file(data, size);
            readExportedArchive(file.path());
        }
    });
    return 0;
}
