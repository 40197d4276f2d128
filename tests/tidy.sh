#!/usr/bin/env bash
# Runs clang-tidy with the checks of .clang-tidy on sources of a build that clang compiled (build/asan).
# tidy.sh: the sources that the last ten commits changed. tidy.sh PATTERN: those whose path matches ('.' for all).
source "$(dirname "${BASH_SOURCE[0]}")/../cmake/setup.sh"

install_packages check
cd "$root"
sources() { git ls-files 'quant/*.cpp' 'model/*.cpp' 'views/*.cpp' 'app/*.cpp' 'tests/*.cpp' | grep -v '^tests/benchmarks/'; }
if [ $# -gt 0 ]; then
    files=$(sources | grep -E "$1")
else
    base=$(git rev-parse -q --verify HEAD~10 || git rev-list --max-parents=0 HEAD | tail -1)
    files=$(comm -12 <(sources | sort) <(git diff --name-only "$base" | sort))
fi
if [ -z "$files" ]; then
    exit 0
fi
say "clang-tidy on $(wc -l <<<"$files") files"
xargs -P "$(nproc)" -n 1 clang-tidy -quiet -p build/asan <<<"$files" 2> >(grep -v 'warnings\? generated' >&2)
