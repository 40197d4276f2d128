#include "quant/import/onnx/operators.h"

#include <unordered_map>

namespace fxp::quant::onnx_import {

const OperatorEntry* findOperator(const std::string& name) {
    static const auto kTable = [] {
        std::unordered_map<std::string_view, const OperatorEntry*> table;
        for (const auto family :
             {functionOperators(), arithmeticOperators(), shapeOperators(), indexingOperators(), reductionOperators(),
              convolutionOperators(), poolingOperators(), normalizationOperators(), recurrentOperators(),
              quantizationOperators(), controlOperators(), sequenceOperators(), constantOperators(), imageOperators(),
              signalOperators(), lossOperators()}) {
            for (const OperatorEntry& entry : family)
                table.emplace(entry.name, &entry);
        }
        return table;
    }();
    const auto found = kTable.find(name);
    return found == kTable.end() ? nullptr : found->second;
}

} // namespace fxp::quant::onnx_import
