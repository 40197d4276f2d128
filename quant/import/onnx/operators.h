#pragma once

#include "quant/import/onnx/node_run.h"

#include <span>
#include <string>
#include <string_view>

namespace fxp::quant::onnx_import {

/// What a node of that operator does. Versions of an operator that differ are told apart by NodeRun::opset.
struct OperatorEntry {
    std::string_view name;
    void (*run)(NodeRun& node);
};

/// The operators, by subject.
std::span<const OperatorEntry> functionOperators();
std::span<const OperatorEntry> arithmeticOperators();
std::span<const OperatorEntry> shapeOperators();
std::span<const OperatorEntry> indexingOperators();
std::span<const OperatorEntry> reductionOperators();
std::span<const OperatorEntry> convolutionOperators();
std::span<const OperatorEntry> poolingOperators();
std::span<const OperatorEntry> normalizationOperators();
std::span<const OperatorEntry> recurrentOperators();
std::span<const OperatorEntry> quantizationOperators();
std::span<const OperatorEntry> controlOperators();
std::span<const OperatorEntry> sequenceOperators();
std::span<const OperatorEntry> constantOperators();
std::span<const OperatorEntry> imageOperators();
std::span<const OperatorEntry> signalOperators();
std::span<const OperatorEntry> lossOperators();

/// The operator of ONNX's own domain; null where it is not known.
const OperatorEntry* findOperator(const std::string& name);

} // namespace fxp::quant::onnx_import
