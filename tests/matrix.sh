#!/usr/bin/env bash
# Runs the suites whose numbers must not depend on the CPU with every kernel of LibTorch and OpenBLAS that this machine
# has, and with one to three threads; then runs real networks with all formats set under each, and compares reports and
# outputs byte by byte. Highway's targets are gone through inside the suites.
source "$(dirname "${BASH_SOURCE[0]}")/../cmake/setup.sh"

build="${1:-$root/build/release}"
suites=(tst_quantize tst_kernels tst_exact_product tst_float_product tst_functions tst_golden_layers tst_engine)
has() { grep -qw "$1" /proc/cpuinfo; }

capabilities=(default)
cores=(Prescott)
has avx2 && capabilities+=(avx2) && cores+=(Haswell)
has avx512f && capabilities+=(avx512) && cores+=(SkylakeX)

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
models="$root/tests/data/models"
first=
for network in digits_transformer digits_cnn digits_lstm; do
    "$build/app/fxp" calibrate "$models/$network/scripted.pt" --inputs "$models/$network/inputs.npz" \
        -o "$out/$network.json" >/dev/null
done
for capability in "${capabilities[@]}"; do
    for core in "${cores[@]}"; do
        for threads in 1 2 3; do
            export ATEN_CPU_CAPABILITY=$capability OPENBLAS_CORETYPE=$core OMP_NUM_THREADS=$threads
            say "$capability, $core, $threads threads"
            for suite in "${suites[@]}"; do
                QT_QPA_PLATFORM=offscreen "$build/tests/quant/$suite" -silent >"$out/log" 2>&1 || {
                    cat "$out/log"
                    exit 1
                }
            done
            run="$out/$capability-$core-$threads"
            mkdir "$run"
            for network in digits_transformer digits_cnn digits_lstm; do
                "$build/app/fxp" run "$models/$network/scripted.pt" --inputs "$models/$network/inputs.npz" \
                    --labels "$models/$network/labels.npy" --qconfig "$out/$network.json" \
                    --outputs "$run/$network.npz" --report "$run/$network.json" --threads $threads >/dev/null
            done
            if [ -z "$first" ]; then
                first=$run
            else
                python3 "$root/tests/same_runs.py" "$first" "$run"
            fi
        done
    done
done
