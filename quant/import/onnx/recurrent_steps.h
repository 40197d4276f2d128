#pragma once

#include "quant/import/onnx/node_run.h"

#include <cstdint>
#include <string>
#include <vector>

namespace fxp::quant::onnx_import {

enum class RecurrentKind { Lstm, Gru, Rnn };

/// One of a recurrent node's functions, with its parameters.
struct RecurrentActivation {
    std::string name; ///< lower case: `sigmoid`
    double alpha = 0, beta = 0;
};

/// An LSTM, GRU or RNN node, its time steps first. D directions, G gates.
struct RecurrentNode {
    RecurrentKind kind = RecurrentKind::Lstm;
    at::Tensor x;                                 ///< [T, B, I]
    at::Tensor w, r, bias;                        ///< [D, G·H, I], [D, G·H, H], [D, 2·G·H] or undefined
    at::Tensor h0, c0, peepholes;                 ///< [D, B, H]; peepholes [D, 3·H] or undefined
    std::vector<std::int64_t> lengths;            ///< of the sequences; empty where all are whole
    std::vector<RecurrentActivation> activations; ///< those of the first direction, then of the second
    std::int64_t hidden = 0;
    double clip = 0;
    bool bidirectional = false, reverse = false, batchFirst = false, inputForget = false, linearBeforeReset = false;
};

std::vector<std::string> defaultActivations(RecurrentKind kind);
std::vector<RecurrentActivation> activationsOf(const NodeRun& node, RecurrentKind kind, std::size_t directions);

/// One direction, step by step, as ONNX defines the operators.
struct DirectionResults {
    at::Tensor y, h, c; ///< [T, B, H], [B, H], [B, H]
};
DirectionResults runDirection(NodeRun& node, const RecurrentNode& r, std::int64_t direction);

} // namespace fxp::quant::onnx_import
