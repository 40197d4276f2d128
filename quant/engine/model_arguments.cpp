#include "quant/engine/model_arguments.h"

#include "quant/core/error.h"
#include "quant/engine/session_data.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace fxp::quant {

ModelArguments bindArguments(const std::vector<ArgumentInfo>& wanted, const NamedArrays& given) {
    ModelArguments result(wanted.size());
    std::vector<char> used(given.items.size(), 0);
    const auto place = [&](std::size_t argument, std::size_t item) {
        const Array& array = given.items[item].second;
        used[item] = 1;
        const auto& info = wanted[argument];
        if (info.kind == ArgumentInfo::Kind::Tensor) {
            result[argument] = toTensor(array);
            return;
        }
        if (array.count() != 1)
            throw Error(info.name, "the model takes one number here, and the inputs hold an array", "give a scalar");
        const at::Tensor scalar = toTensor(array).reshape({});
        if (info.kind == ArgumentInfo::Kind::Integer)
            result[argument] = scalar.item<std::int64_t>();
        else if (info.kind == ArgumentInfo::Kind::Real)
            result[argument] = scalar.item<double>();
        else
            result[argument] = scalar.item<bool>();
    };
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        for (std::size_t item = 0; item < given.items.size(); ++item) {
            if (given.items[item].first == wanted[i].name)
                place(i, item);
        }
    }
    std::string names;
    for (const ArgumentInfo& info : wanted)
        names += (names.empty() ? "" : ", ") + info.name;
    for (std::size_t item = 0; item < given.items.size(); ++item) {
        if (used[item])
            continue;
        const auto open = std::ranges::find_if(wanted, [&](const ArgumentInfo& info) {
            return info.kind == ArgumentInfo::Kind::Tensor && !result[static_cast<std::size_t>(&info - wanted.data())];
        });
        if (open == wanted.end() || given.items.size() > 1)
            throw Error(given.items[item].first, "the model has no input of that name", "its inputs are " + names);
        place(static_cast<std::size_t>(open - wanted.begin()), item);
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (!result[i] && !wanted[i].optional)
            throw Error(wanted[i].name, "the model's input is missing",
                        "give it by that name; its inputs are " + names);
    }
    return result;
}

std::int64_t sampleCountOf(const ModelArguments& arguments) {
    std::int64_t count = 0;
    for (const auto& argument : arguments) {
        if (!argument || !argument->isTensor())
            continue;
        const at::Tensor& tensor = argument->toTensor();
        if (tensor.dim() == 0 || (count != 0 && tensor.size(0) != count))
            return 0;
        count = tensor.size(0);
    }
    return count;
}

ModelArguments slice(const ModelArguments& arguments, std::int64_t begin, std::int64_t end) {
    ModelArguments part = arguments;
    for (auto& argument : part) {
        if (argument && argument->isTensor())
            argument = argument->toTensor().slice(0, begin, end).contiguous();
    }
    return part;
}

Tensors tensorsOf(const ModelArguments& arguments) {
    Tensors tensors;
    for (const auto& argument : arguments) {
        if (argument && argument->isTensor())
            tensors.push_back(argument->toTensor());
    }
    return tensors;
}

bool allFinite(const ModelArguments& arguments) {
    return std::ranges::all_of(tensorsOf(arguments), [](const at::Tensor& tensor) {
        return !tensor.is_floating_point() || tensor.isfinite().all().item<bool>();
    });
}

std::string firstNotFinite(const ModelArguments& arguments, const std::vector<ArgumentInfo>& names) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (!arguments[i] || !arguments[i]->isTensor() || !arguments[i]->toTensor().is_floating_point())
            continue;
        const at::Tensor& tensor = arguments[i]->toTensor();
        const at::Tensor bad = tensor.isfinite().logical_not().flatten();
        const std::int64_t count = bad.sum().item<std::int64_t>();
        if (count == 0)
            continue;
        std::int64_t place = bad.to(at::kByte).argmax().item<std::int64_t>();
        const double value = tensor.flatten()[place].item<double>();
        std::string element;
        for (std::int64_t dim = tensor.dim() - 1; dim > 0; --dim) {
            element = std::to_string(place % tensor.size(dim)) + (element.empty() ? "" : ", ") + element;
            place /= tensor.size(dim);
        }
        return names.at(i).name + ": sample " + std::to_string(place) + " has " +
               (std::isnan(value) ? "NaN"
                : value > 0       ? "Inf"
                                  : "−Inf") +
               (element.empty() ? std::string() : " at [" + element + "]") +
               (count > 1 ? ", the first of " + std::to_string(count) + " values that are not finite" : "");
    }
    return {};
}

ModelArguments finiteOnly(const ModelArguments& arguments) {
    ModelArguments result = arguments;
    for (auto& argument : result) {
        if (argument && argument->isTensor() && argument->toTensor().is_floating_point())
            argument = at::nan_to_num(argument->toTensor(), 0.0, 0.0, 0.0);
    }
    return result;
}

} // namespace fxp::quant
