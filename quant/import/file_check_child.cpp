#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/import/file_check.h"
#include "quant/import/open_network.h"
#include "quant/import/process_limits.h"

#include <unistd.h>

#include <algorithm>
#include <new>

namespace fxp::quant {

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kSeconds = 24 * 3600; // a last resort: the process that waits has a clock

void tell(std::string_view text) {
    while (!text.empty()) {
        const ssize_t done = ::write(STDOUT_FILENO, text.data(), text.size());
        if (done <= 0)
            return;
        text.remove_prefix(static_cast<std::size_t>(done));
    }
}

int refused(const std::string& where, const std::string& problem, const std::string& hint) {
    std::string answer;
    for (const std::string& part : {where, problem, hint}) {
        answer += part;
        answer += '\0';
    }
    tell(answer);
    return 1;
}

} // namespace

int runFileCheck(const std::string& file) {
    try {
        const std::uint64_t size = RegularFile(file).size();
        // LibTorch itself takes some, and threads reserve more than they use.
        limitProcess(std::max(8 * kGiB, 4 * kGiB + std::min(size, std::uint64_t{1} << 50) * 4), kSeconds);
        const auto network = openNetwork(file);
        network->results();
        network->parameters();
    } catch (const Error& error) {
        return refused(error.where, error.problem, error.hint);
    } catch (const std::bad_alloc&) {
        return refused(file, "asks for more memory than such a file needs", "it is damaged: give one that is complete");
    } catch (const std::exception& error) {
        return refused(file, std::string("cannot be read: ") + error.what(),
                       "give a file written by torch.jit.save that is complete");
    }
    tell("ok");
    // No destructor of a library runs: what is left of a damaged file may not bear it.
    ::_exit(0);
}

} // namespace fxp::quant
