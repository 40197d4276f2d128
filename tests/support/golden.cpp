#include "support/golden.h"

#include <ATen/ATen.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <stdexcept>

namespace fxp::test {

namespace {

std::string folder(const char* variable, const char* name) {
    const char* set = std::getenv(variable);
    return set ? std::string(set) : std::string(FXP_TEST_DATA) + "/" + name;
}

void flatten(const Json& value, std::vector<float>& into) {
    if (value.is_array()) {
        for (const Json& item : value)
            flatten(item, into);
    } else if (value.is_string()) {
        const float infinity = std::numeric_limits<float>::infinity();
        into.push_back(value == "Infinity" ? infinity : value == "-Infinity" ? -infinity : std::nanf(""));
    } else {
        into.push_back(static_cast<float>(value.get<double>()));
    }
}

at::Tensor tensor(const std::vector<float>& values, const std::vector<std::int64_t>& shape) {
    return at::from_blob(const_cast<float*>(values.data()), {static_cast<std::int64_t>(values.size())}, at::kFloat)
        .clone()
        .reshape(shape);
}

} // namespace

std::string goldenFolder() {
    return folder("FXP_GOLDEN", "golden");
}
std::string modelFolder() {
    return folder("FXP_MODELS", "models");
}

Json readJson(const std::string& file) {
    std::ifstream stream(file);
    if (!stream)
        throw std::runtime_error("no file " + file);
    return Json::parse(stream);
}

std::vector<float> floatsFromBits(const Json& bits) {
    std::vector<float> values;
    for (const Json& word : bits)
        values.push_back(std::bit_cast<float>(word.get<std::uint32_t>()));
    return values;
}

at::Tensor tensorFromBits(const Json& json) {
    if (json.is_null())
        return {};
    return tensor(floatsFromBits(json["float32_bits"]), json["shape"].get<std::vector<std::int64_t>>());
}

at::Tensor tensorFromNested(const Json& value, const std::vector<std::int64_t>& shape) {
    std::vector<float> values;
    flatten(value, values);
    return tensor(values, shape);
}

bool sameBits(const at::Tensor& a, const at::Tensor& b) {
    if (!a.defined() || !b.defined() || a.sizes() != b.sizes())
        return false;
    const at::Tensor x = a.contiguous(), y = b.contiguous();
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        const float p = x.data_ptr<float>()[i], q = y.data_ptr<float>()[i];
        if (std::bit_cast<std::uint32_t>(p) != std::bit_cast<std::uint32_t>(q) && !(std::isnan(p) && std::isnan(q)))
            return false;
    }
    return true;
}

} // namespace fxp::test
