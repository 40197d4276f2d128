#include "quant/core/error.h"

namespace fxp {

namespace {

std::string oneLine(const std::string& where, const std::string& what, const std::string& hint) {
    std::string line = where;
    line.append(where.empty() ? "" : ": ").append(what);
    return line.append(hint.empty() ? "" : "; ").append(hint);
}

} // namespace

Error::Error(std::string whereIn, std::string whatIn, std::string hintIn)
    : std::runtime_error(oneLine(whereIn, whatIn, hintIn)), where(std::move(whereIn)), problem(std::move(whatIn)),
      hint(std::move(hintIn)) {}

} // namespace fxp
