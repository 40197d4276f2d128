#!/usr/bin/env bash
# fuzz.sh [SECONDS [TARGET…]]: runs each fuzz target for so long (60) on its seeds, two at a time, and tells its
# executions. What it finds lies in build/fuzz/found. Needs the preset `fuzz`: cmake --preset fuzz && cmake --build --preset fuzz
set -euo pipefail
cd "$(dirname "$0")/.."
export seconds=${1:-60}
shift || true
if (($#)); then targets=("$@"); else targets=($(cd tests/fuzz && ls fuzz_*.cpp | sed 's/^fuzz_//; s/\.cpp$//')); fi
# Short stacks of allocations: each execution makes thousands of them. LibTorch frees what it made with another size.
export ASAN_OPTIONS=new_delete_type_mismatch=0:malloc_context_size=4:${ASAN_OPTIONS:-detect_leaks=1}
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 OMP_NUM_THREADS=1

# Without the entropic schedule, whose books take a third of the time where an execution takes so little.
# run_target TARGET: fails where the target finds something.
run_target() {
    local target=$1 corpus=build/fuzz/corpus/$1 log=build/fuzz/found/$1.log status=0 executions rate
    local words=()
    [ ! -f "tests/fuzz/dictionaries/$1" ] || words=(-dict="tests/fuzz/dictionaries/$1")
    mkdir -p "$corpus" build/fuzz/found
    build/fuzz/tests/fuzz/fuzz_"$target" "$corpus" "tests/fuzz/seeds/$target" -max_total_time="$seconds" -timeout=10 -entropic=0 -seed=1 \
        "${words[@]}" -rss_limit_mb=4096 -max_len=16384 -print_final_stats=1 -artifact_prefix="build/fuzz/found/$target-" >"$log" 2>&1 || status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    printf '%-18s %12s executions, %8s a second%s\n' "$target" "${executions:-?}" "${rate:-?}" \
        "$( ((status == 0)) || echo "   FAILED, see $log")"
    return $status
}
export -f run_target

printf '%s\n' "${targets[@]}" | xargs -P2 -I{} bash -c 'run_target {}'
