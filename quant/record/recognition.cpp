#include "quant/record/recognition.h"

#include "quant/ops/agreement.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace fxp::quant {

namespace {

/// Whether a result has a finite value. Without one, nothing can be proven: NaN agrees with NaN in any hypothesis.
bool hasFinite(const Tensors& tensors) {
    return std::ranges::any_of(tensors, [](const at::Tensor& tensor) {
        if (!tensor.defined() || tensor.numel() == 0)
            return false;
        if (tensor.scalar_type() != at::kFloat)
            return at::isfinite(tensor).any().item<bool>();
        const at::Tensor values = tensor.contiguous();
        const float* first = values.data_ptr<float>();
        return std::any_of(first, first + values.numel(), [](float value) { return std::isfinite(value); });
    });
}

} // namespace

bool Recognition::agree(const std::vector<Value>& got, const Tensors& expected) const {
    if (got.size() != expected.size())
        return false;
    for (std::size_t i = 0; i < got.size(); ++i) {
        if (!agrees(m_builder.tensor(got[i]), expected[i]))
            return false;
    }
    return true;
}

std::vector<Value> Recognition::replace(const std::string& path, const Builder::Mark& begin, const Builder::Mark& end,
                                        const std::vector<Value>& expected, const Candidates& candidates) {
    if (isRefused(path))
        return {};
    Tensors results;
    for (const Value value : expected)
        results.push_back(m_builder.tensor(value));
    const bool provable = hasFinite(results);
    for (const Candidate& candidate : candidates) {
        stopHere(m_stop);
        std::vector<Value> got;
        bool agreed = false;
        try {
            got = candidate.run(m_builder);
            agreed = agree(got, results);
        } catch (const Stopped&) {
            throw;
        } catch (const std::exception&) {
            // The tensors do not fit: the hypothesis is wrong, which is no error of the user's.
        }
        if (!agreed) {
            m_builder.erase(end, m_builder.mark());
            if (!provable)
                return {};
            continue;
        }
        Replacement replacement{path, m_builder.stepsOf(begin, end), {}, {}, {}};
        for (const Value value : expected)
            replacement.expected.push_back(value.id);
        for (const Value value : got)
            replacement.got.push_back(value.id);
        for (const Step& step : replacement.operators) {
            for (const ValueId input : step.inputs) {
                if (input != kAbsent && m_builder.isConstant({input}))
                    replacement.constants.push_back(input);
            }
        }
        m_builder.erase(begin, end);
        m_replacements.push_back(std::move(replacement));
        return got;
    }
    return {};
}

std::vector<LayerProof> Recognition::proofs(const Builder::Finished& finished) const {
    std::vector<LayerProof> proofs;
    for (const Replacement& one : m_replacements) {
        LayerProof proof;
        proof.path = one.path;
        proof.valueCount = finished.program.valueCount;
        std::unordered_map<ValueId, ValueId> own; // by the builder's number
        bool whole = true;
        const auto numberOf = [&](ValueId value) {
            if (value == kAbsent)
                return kAbsent;
            const auto known = own.find(value);
            if (known != own.end())
                return known->second;
            const ValueId number = finished.renumbered[static_cast<std::size_t>(value)];
            whole = whole && number != kAbsent;
            return number;
        };
        for (const ValueId value : one.constants) {
            if (!m_builder.isErased({value}) && finished.renumbered[static_cast<std::size_t>(value)] == kAbsent &&
                own.try_emplace(value, proof.valueCount).second)
                proof.constants.emplace_back(proof.valueCount++, m_builder.tensor({value}));
        }
        for (Step step : one.operators) {
            for (ValueId& input : step.inputs)
                input = numberOf(input);
            for (ValueId& output : step.outputs) {
                own[output] = proof.valueCount;
                output = proof.valueCount++;
            }
            proof.operators.push_back(std::move(step));
        }
        for (const ValueId value : one.expected)
            proof.expected.push_back(numberOf(value));
        for (const ValueId value : one.got)
            proof.got.push_back(numberOf(value));
        // The values of a layer inside another that was recognised later are not in the program.
        if (whole)
            proofs.push_back(std::move(proof));
    }
    return proofs;
}

} // namespace fxp::quant
