#include "fuzz.h"

#include "model/session_file.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fxp::fuzz::readsOrRefuses([&] {
        const QByteArray bytes(reinterpret_cast<const char*>(data), static_cast<qsizetype>(size));
        const auto session = fxp::model::sessionFileFrom(bytes, "/folder");
        fxp::model::sessionFileFrom(fxp::model::toBytes(session, "/folder"), "/folder");
    });
    return 0;
}
