#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fxp::quant {

/// Writes a file so that it is the old one or the new one, never a part, even when the machine stops meanwhile: into a
/// new file in the same folder, synced to the disk, then renamed. The target keeps its permissions; a link is followed,
/// and what it names is replaced. Throws Error: the path, why it cannot be written; nothing is left behind then.
void writeFileAtomically(const std::string& path, std::string_view bytes);
/// The same of several pieces, one after another.
void writeFileAtomically(const std::string& path, std::span<const std::string_view> pieces);

} // namespace fxp::quant
