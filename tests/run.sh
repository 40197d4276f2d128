#!/usr/bin/env bash
# Installs the packages that are missing, builds, and runs all tests. Arguments go to ctest (-R tst_engine, …).
source "$(dirname "${BASH_SOURCE[0]}")/../cmake/setup.sh"

install_packages build check
build release -DFXP_TESTS=ON
say "Testing"
"$(command -v /usr/bin/ctest ctest | head -1)" --test-dir "$root/build/release" --output-on-failure "$@"
