#!/usr/bin/env bash
# Runs clang-tidy with the checks of .clang-tidy on the sources of a build folder that clang compiled (default: build/asan).
# tidy.sh [PATTERN]: only files whose path matches.
source "$(dirname "${BASH_SOURCE[0]}")/../cmake/setup.sh"

install_packages check
cd "$root"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# clang-tidy reads the precompiled header of the build: LibTorch's headers would take most of the time.
run-clang-tidy -quiet -p build/asan -j "$(nproc)" "^$root/(quant|model|views|app|tests)/.*${1:-}.*\.cpp$" >"$log" 2>&1 || {
    grep -v -E '^clang-tidy|warnings? generated|^Suppressed|^Use -header-filter' "$log"
    exit 1
}
