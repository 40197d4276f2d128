#include "quant/import/source_lines.h"

#include <torch/csrc/jit/ir/ir.h>

#include <cctype>
#include <optional>
#include <string_view>

namespace fxp::quant {

namespace {

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

bool isLibraryFile(std::string_view file) {
    return contains(file, "/torch/") || contains(file, "\\torch\\") || contains(file, "<torch_package_");
}

/// `/a/net.py` and `12` → `net.py:12`.
std::string lineText(std::string_view file, std::string_view line) {
    return std::string(file.substr(file.find_last_of("/\\") + 1)) + ":" + std::string(line);
}

std::string_view digitsAt(std::string_view text, std::size_t begin) {
    std::size_t end = begin;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0)
        ++end;
    return text.substr(begin, end - begin);
}

/// `/a/net.py(12): forward` of the lines that were running while the model was traced, innermost first; nothing for
/// other texts.
struct TracedLine {
    std::string_view file, line;
};
std::optional<TracedLine> tracedLine(std::string_view text) {
    const std::size_t end = text.rfind("): ");
    const std::size_t begin = end == std::string_view::npos ? end : text.rfind('(', end);
    if (begin == std::string_view::npos || begin == 0)
        return std::nullopt;
    const std::string_view line = digitsAt(text, begin + 1);
    if (line.empty() || begin + 1 + line.size() != end)
        return std::nullopt;
    return TracedLine{text.substr(0, begin), line};
}

} // namespace

std::string sourceOfTraceback(const std::string& traceback) {
    std::string source;
    bool isOwn = false;
    const std::string_view text = traceback;
    for (std::size_t at = text.find("File \""); at != std::string_view::npos; at = text.find("File \"", at)) {
        at += 6;
        const std::size_t end = text.find("\", line ", at);
        if (end == std::string_view::npos)
            break;
        const std::string_view file = text.substr(at, end - at);
        const bool own = !isLibraryFile(file);
        if (own || !isOwn)
            source = lineText(file, digitsAt(text, end + 8));
        isOwn = isOwn || own;
    }
    return source;
}

namespace {

/// The range in the Python that was scripted or traced, as far as the file has it; else the one in the file's own code.
torch::jit::SourceRange originalRange(const torch::jit::Node& node) {
    const torch::jit::SourceRange range = node.sourceRange();
    try {
        return range.findSourceRangeThatGenerated().value_or(range);
    } catch (const std::exception&) {
        return range; // lines are a help to the reader: a file whose record of them is damaged still runs
    }
}

} // namespace

SourceLine sourceLineOf(const torch::jit::Node& node) {
    const torch::jit::SourceRange range = originalRange(node);
    const auto place = range.file_line_col();
    if (!place || std::get<0>(*place).empty())
        return {};
    const std::string& file = std::get<0>(*place);
    const SourceLine first{lineText(file, std::to_string(std::get<1>(*place))), isLibraryFile(file)};
    const std::string trace = range.source()->text_str().str();
    for (std::size_t begin = 0, end = 0; begin < trace.size(); begin = end + 1) {
        end = std::min(trace.find('\n', begin), trace.size());
        const auto line = tracedLine(std::string_view(trace).substr(begin, end - begin));
        // What called the trace is no part of the model.
        if (!line || contains(line->file, "/torch/jit/") || contains(line->file, "\\torch\\jit\\"))
            break;
        if (!isLibraryFile(line->file))
            return {lineText(line->file, line->line), false};
    }
    return first;
}

} // namespace fxp::quant
