#!/usr/bin/env bash
# fuzz.sh [SECONDS [TARGET…]]: runs each fuzz target for so long (60) on its seeds, and tells its executions. What it finds lies in
# build/fuzz/found. Needs the preset `fuzz`: cmake --preset fuzz && cmake --build --preset fuzz
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
if (($#)); then targets=("$@"); else targets=($(cd build/fuzz/tests/fuzz && ls -d fuzz_* | grep -v '\.' | sed 's/^fuzz_//')); fi
export ASAN_OPTIONS=detect_leaks=0:new_delete_type_mismatch=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 OMP_NUM_THREADS=1
mkdir -p build/fuzz/found
failed=0
for target in "${targets[@]}"; do
    corpus=build/fuzz/corpus/$target log=build/fuzz/found/$target.log
    mkdir -p "$corpus"
    status=0
    build/fuzz/tests/fuzz/fuzz_"$target" "$corpus" "tests/fuzz/seeds/$target" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1 -artifact_prefix="build/fuzz/found/$target-" >"$log" 2>&1 || status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    printf '%-18s %12s executions, %8s a second%s\n' "$target" "${executions:-?}" "${rate:-?}" "$( ((status)) && echo "   FAILED, see $log")"
    ((status == 0)) || failed=1
done
exit $failed
