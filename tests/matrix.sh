#!/usr/bin/env bash
# Runs the suites whose numbers must not depend on the CPU with every kernel of LibTorch and OpenBLAS that this machine
# has, and with one to three threads; then runs real networks with all formats set under each, and compares reports and
# outputs byte by byte. Highway's targets are gone through inside the suites.
source "$(dirname "${BASH_SOURCE[0]}")/../cmake/setup.sh"

export build="${1:-$root/build/release}"
suites="tst_quantize tst_exact_product tst_wide_sums tst_golden_layers tst_engine"
# These go through targets and threads themselves and take long: once for each of LibTorch's kernels.
slow="tst_kernels tst_kernel_parts tst_float_product tst_functions"
networks="digits_transformer digits_cnn digits_lstm"
has() { grep -qw "$1" /proc/cpuinfo; }

capabilities=(default)
cores=(Prescott)
has avx2 && capabilities+=(avx2) && cores+=(Haswell)
has avx512f && capabilities+=(avx512) && cores+=(SkylakeX)

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
models="$root/tests/data/models"
export out models suites slow networks QT_QPA_PLATFORM=offscreen

# run CAPABILITY CORE THREADS: all suites and networks; prints what a suite says only if it fails.
run() {
    export ATEN_CPU_CAPABILITY=$1 OPENBLAS_CORETYPE=$2 OMP_NUM_THREADS=$3
    local here="$out/$1-$2-$3" suite network list=$suites
    if [ "$2$3" = Prescott1 ]; then list="$slow $suites"; fi
    mkdir "$here"
    for suite in $list; do
        "$build/tests/quant/$suite" -silent >"$here.log" 2>&1 || {
            cat "$here.log"
            echo "$suite fails with $1, $2 and $3 threads" >&2
            return 1
        }
    done
    for network in $networks; do
        "$build/app/fxp" run "$models/$network/scripted.pt" --inputs "$models/$network/inputs.npz" \
            --labels "$models/$network/labels.npy" --qconfig "$out/$network.json" \
            --outputs "$here/$network.npz" --report "$here/$network.json" --threads "$3" >/dev/null || return 1
    done
    say "$1, $2, $3 threads"
}
export -f run say

for network in $networks; do
    "$build/app/fxp" calibrate "$models/$network/scripted.pt" --inputs "$models/$network/inputs.npz" \
        -o "$out/$network.json" >/dev/null
done
# Two at a time: most of a suite runs on one thread.
for capability in "${capabilities[@]}"; do
    for core in "${cores[@]}"; do
        for threads in 1 2 3; do
            echo "$capability $core $threads"
        done
    done
done | xargs -P 2 -L 1 bash -c 'run "$@" || exit 255' run
for folder in "$out"/*/; do
    python3 "$root/tests/same_runs.py" "$out/default-Prescott-1" "${folder%/}"
done
say "The same numbers everywhere"
