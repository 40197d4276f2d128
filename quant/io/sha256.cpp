#include "quant/core/read_file.h"
#include "quant/io/qconfig.h"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <vector>

namespace fxp::quant {

std::string sha256OfFile(const std::string& file, const StopRequest& stop) {
    RegularFile stream(file);
    const std::unique_ptr<EVP_MD_CTX, decltype([](EVP_MD_CTX* c) { EVP_MD_CTX_free(c); })> context(EVP_MD_CTX_new());
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    std::vector<std::byte> piece(1 << 16);
    while (const std::size_t got = stream.read(piece)) {
        stopHere(stop);
        EVP_DigestUpdate(context.get(), piece.data(), got);
    }
    std::array<unsigned char, 32> digest{};
    EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
    std::string text;
    for (const unsigned char byte : digest) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

} // namespace fxp::quant
