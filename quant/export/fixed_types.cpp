#include "quant/export/fixed_types.h"

#include "quant/core/error.h"
#include "quant/core/notation.h"
#include "quant/export/c_header.h"
#include "quant/export/refusal.h"

#include <algorithm>

namespace fxp::quant {

namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

/// What stands around a target's types.
struct Section {
    const char* macro;
    const char* space;
    const char* include;
};
Section sectionOf(TypesTarget target) {
    switch (target) {
    case TypesTarget::ApFixed: return {"FXP_AP_FIXED", "fxp_ap", "#include <ap_fixed.h>\n"};
    case TypesTarget::AcFixed: return {"FXP_AC_FIXED", "fxp_ac", "#include <ac_fixed.h>\n"};
    case TypesTarget::ScFixed: break;
    }
    // Without the macro SystemC hides its fixed-point types.
    return {"FXP_SC_FIXED", "fxp_sc", "#ifndef SC_INCLUDE_FX\n#define SC_INCLUDE_FX\n#endif\n#include <systemc>\n"};
}

std::string line(const TypedTensor& tensor, TypesTarget target) {
    const std::string type = fixedType(tensor.type, target), path = commentText(tensor.path);
    if (type.empty())
        return "/* none for " + path + ": " + whyNoType(tensor.type, target) + " */\n";
    return "typedef " + type + " " + tensor.identifier + "_t; /* " + path + " */\n";
}

} // namespace

std::optional<TypesTarget> typesTarget(std::string_view text) {
    for (const TypesTarget target : kTypesTargets) {
        if (text == name(target) || text == name(target).substr(0, 2))
            return target;
    }
    return std::nullopt;
}

std::string fixedType(const QType& type, TypesTarget target) {
    if (type.isFloat())
        return "float";
    if (!whyNoType(type, target).empty())
        return {};
    switch (target) {
    case TypesTarget::ApFixed: return write(type, Notation::ApFixed);
    case TypesTarget::AcFixed: return write(type, Notation::AcFixed);
    case TypesTarget::ScFixed: break;
    }
    // ap_fixed took over SystemC's parameters and modes (IEEE 1666, 7.10); with its default of no saturated bits,
    // SC_WRAP is the residue.
    const std::string text = replaced(write(type, Notation::ApFixed), "ap_fixed<", "sc_dt::sc_fixed<");
    return replaced(text, "AP_", "sc_dt::SC_");
}

std::string whyNoType(const QType& type, TypesTarget target) {
    if (type.isFloat())
        return {};
    if (const std::string why = whyNoWords(type); !why.empty())
        return why;
    // The three libraries have the same modes under other prefixes.
    if (!write(type, target == TypesTarget::AcFixed ? Notation::AcFixed : Notation::ApFixed).empty())
        return {};
    QType plain = type;
    plain.rounding = Rounding::Round;
    const bool rounding = !write(plain, Notation::ApFixed).empty();
    return rounding ? "rounds by " + std::string(name(type.rounding))
                    : "overflows by " + std::string(name(type.overflow));
}

std::string typesHeader(const std::vector<TypedTensor>& tensors, const std::vector<TypesTarget>& targets) {
    std::string text = "#ifndef FXP_TYPES_H\n#define FXP_TYPES_H\n\n/* The format of each tensor. Define";
    std::string none;
    for (const TypesTarget target : targets) {
        const std::string macro = sectionOf(target).macro;
        text += (none.empty() ? " " : " or ") + macro;
        none += (none.empty() ? "!defined(" : " && !defined(") + macro + ")";
    }
    text += ". */\n#if " + none + "\n#error \"no library is chosen\"\n#endif\n";
    for (const TypesTarget target : targets) {
        const Section section = sectionOf(target);
        text +=
            std::string("\n#ifdef ") + section.macro + "\n" + section.include + "namespace " + section.space + " {\n";
        for (const TypedTensor& tensor : tensors)
            text += line(tensor, target);
        text += "}\n#endif\n";
    }
    return text + "\n#endif\n";
}

void checkTypesHeader(std::string_view header, const std::vector<TypedTensor>& tensors,
                      const std::vector<TypesTarget>& targets, const std::string& where) {
    for (const TypesTarget target : targets) {
        const std::string space = std::string("namespace ") + sectionOf(target).space + " {\n";
        const std::size_t begin = header.find(space), end = header.find("\n}\n", begin);
        if (begin == std::string_view::npos || end == std::string_view::npos)
            throw Error(where, "has no section for " + std::string(name(target)), "export it again");
        std::string_view rest = header.substr(begin + space.size(), end + 1 - begin - space.size());
        for (const TypedTensor& tensor : tensors) {
            const std::string_view found = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(rest.size(), found.size() + 1));
            bool same = whyNoType(tensor.type, target).empty() ? found.starts_with("typedef ")
                                                               : found.starts_with("/* none for ");
            if (same && found.starts_with("typedef ")) {
                const std::string declared = " " + tensor.identifier + "_t; /* ";
                const std::size_t stop = found.find(declared);
                std::string type(found.substr(8, stop == std::string_view::npos ? 0 : stop - 8));
                if (target == TypesTarget::ScFixed)
                    type = replaced(replaced(type, "sc_dt::SC_", "AP_"), "sc_dt::sc_", "ap_");
                const auto read = type == "float" ? QType{} : parseNotation(type, {});
                same = read && (tensor.type.isFloat() ? read->isFloat() : *read == tensor.type);
            }
            if (!same)
                throw Error(where, "does not have the format of " + tensor.path, "export it again");
        }
    }
}

} // namespace fxp::quant
