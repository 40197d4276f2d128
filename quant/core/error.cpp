#include "quant/core/error.h"

#include <initializer_list>
#include <string_view>

namespace fxp {

namespace {

std::string oneLine(std::string_view where, std::string_view what, std::string_view hint) {
    std::string line;
    for (const std::string_view part :
         {where, std::string_view(where.empty() ? "" : ": "), what, std::string_view(hint.empty() ? "" : "; "), hint})
        line.append(part);
    return line;
}

} // namespace

Error::Error(std::string whereIn, std::string whatIn, std::string hintIn)
    : std::runtime_error(oneLine(whereIn, whatIn, hintIn)), where(std::move(whereIn)), problem(std::move(whatIn)),
      hint(std::move(hintIn)) {}

} // namespace fxp
