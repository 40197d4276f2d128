#include "quant/import/model_state.h"

#include <ATen/ATen.h>

namespace fxp::quant {

StateGuard::~StateGuard() {
    const at::NoGradGuard noGrad;
    for (const auto& [memory, saved] : m_saved)
        memory.as_strided({saved.numel()}, {1}, 0).copy_(saved);
}

void StateGuard::beforeWrite(const at::Tensor& tensor) {
    if (!tensor.has_storage() || !m_known.insert(tensor.storage().unsafeGetStorageImpl()).second)
        return;
    const auto elements = static_cast<std::int64_t>(tensor.storage().nbytes() / tensor.element_size());
    m_saved.emplace_back(tensor.alias(), tensor.as_strided({elements}, {1}, 0).clone());
}

void StateGuard::detach(Builder& builder) const {
    for (const auto& [memory, saved] : m_saved)
        builder.protect(memory.storage());
}

std::map<ValueId, ParameterSource> sourcesOf(const Program& program, const NamedTensors& parameters) {
    std::map<const void*, const std::pair<std::string, at::Tensor>*> byStorage;
    for (const auto& parameter : parameters) {
        if (parameter.second.has_storage())
            byStorage.try_emplace(parameter.second.storage().unsafeGetStorageImpl(), &parameter);
    }
    std::map<ValueId, ParameterSource> sources;
    for (const auto& [id, tensor] : program.constants) {
        if (!tensor.defined() || !tensor.has_storage())
            continue;
        const auto found = byStorage.find(tensor.storage().unsafeGetStorageImpl());
        if (found == byStorage.end() || !found->second->second.is_contiguous())
            continue;
        sources.emplace(id, ParameterSource{found->second->first, tensor.sizes().vec(), tensor.strides().vec(),
                                            tensor.storage_offset() - found->second->second.storage_offset()});
    }
    return sources;
}

void collectTensors(const at::IValue& value, const std::function<void(const at::Tensor&)>& visit) {
    if (value.isTensor()) {
        visit(value.toTensor());
    } else if (value.isTuple()) {
        for (const at::IValue& element : value.toTupleRef().elements())
            collectTensors(element, visit);
    } else if (value.isList()) {
        for (const at::IValue& element : value.toListRef())
            collectTensors(element, visit);
    } else if (value.isGenericDict()) {
        for (const auto& entry : value.toGenericDict())
            collectTensors(entry.value(), visit);
    }
}

} // namespace fxp::quant
