#include "quant/core/error.h"
#include "quant/io/qconfig.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>
#include <vector>

namespace fxp::quant {

std::string sha256OfFile(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        throw Error(file, "cannot be opened", "check the path");
    const std::unique_ptr<EVP_MD_CTX, decltype([](EVP_MD_CTX* c) { EVP_MD_CTX_free(c); })> context(EVP_MD_CTX_new());
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    std::vector<char> piece(1 << 16);
    while (stream.read(piece.data(), static_cast<std::streamsize>(piece.size())), stream.gcount() > 0)
        EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(stream.gcount()));
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
