#include "fuzz.h"

#include "quant/core/notation.h"

using namespace fxp::quant;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto type = parseNotation(fxp::fuzz::text(data, size), QType{});
    if (!type)
        return 0;
    validate(*type, "");
    for (const Notation notation :
         {Notation::SignIntegerFraction, Notation::Q, Notation::ApFixed, Notation::AcFixed, Notation::Fi}) {
        const std::string text = write(*type, notation);
        if (!text.empty() && parseNotation(text, *type) != *type)
            std::abort(); // what was written is read again
    }
    return 0;
}
