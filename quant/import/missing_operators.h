#pragma once

#include <string>

namespace fxp::quant {

/// Registers into `aten` the operators that models need and this LibTorch may lack, each with its own definition in
/// terms of older ones. Does nothing when called again.
void registerMissingOperators();

/// Registers a stand-in for an operator that this LibTorch does not know, so that a file that calls it can be read;
/// running it throws an Error that names it. `qualifiedName`: `aten::foo`.
void registerStandIn(const std::string& qualifiedName);

/// Whether registerStandIn() was called with that name.
bool isStandIn(const std::string& qualifiedName);

} // namespace fxp::quant
