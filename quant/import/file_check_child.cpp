#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/import/checked_network.h"
#include "quant/import/file_check.h"
#include "quant/import/open_network.h"
#include "quant/import/process_limits.h"

#include <unistd.h>

#include <algorithm>
#include <array>
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

std::string readInput() {
    std::string text;
    std::array<char, 1 << 16> piece{};
    for (ssize_t got = 0; (got = ::read(STDIN_FILENO, piece.data(), piece.size())) > 0;)
        text.append(piece.data(), static_cast<std::size_t>(got));
    return text;
}

std::uint64_t machineMemory() {
    const long pages = ::sysconf(_SC_PHYS_PAGES), bytes = ::sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(bytes) : 0;
}

/// Runs the model once. What it throws is for the process that waits to meet, and to tell; but not that memory ended.
void runOnce(Network& network, const ModelCall& call) {
    try {
        network.record(call.arguments);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& error) {
        const std::string_view text = error.what();
        if (text.find("allocate memory") != std::string_view::npos ||
            text.find("not enough memory") != std::string_view::npos) // LibTorch's own words
            throw std::bad_alloc();
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
        const std::uint64_t forReading = std::max(8 * kGiB, 4 * kGiB + std::min(size, std::uint64_t{1} << 50) * 4);
        const std::string input = readInput();
        limitProcess(input.empty() ? forReading : std::max(forReading, machineMemory()), kSeconds);
        // What the loader runs, it runs in this process; operators are looked at afterwards.
        const FileCheck isHere([](const std::string&, const StopRequest&, const std::string&) {});
        const ModelCall call = input.empty() ? ModelCall{} : unpackCall(input);
        const auto network = openNetwork(file, {}, isHere, call.method);
        network->results();
        network->parameters();
        if (!input.empty())
            runOnce(*network, call);
    } catch (const Error& error) {
        return refused(error.where, error.problem, error.hint);
    } catch (const std::bad_alloc&) {
        return refused(file, "asks for more memory than such a file needs",
                       "it is damaged, or its inputs are too large: give one that is complete");
    } catch (const std::exception& error) {
        return refused(file, std::string("cannot be read: ") + error.what(),
                       "give a file written by torch.jit.save that is complete");
    }
    tell("ok");
    // No destructor of a library runs: what is left of a damaged file may not bear it.
    ::_exit(0);
}

} // namespace fxp::quant
