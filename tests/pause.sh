#!/usr/bin/env bash
# Measures how long the window does not answer while its user works: a long session, compressed, from a fixed seed.
# pause.sh [--actions N] [--seed S] [--limit MS] [--labels FILE] [MODEL SAMPLES…]; without a model, on the demo.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="${FXP_BUILD:-$root/build/release}"
cmake --build "$build" --target pause_of_window
QT_QPA_PLATFORM="${QT_QPA_PLATFORM:-offscreen}" QT_LOGGING_RULES="*.debug=false" exec "$build/tests/pause/pause_of_window" "$@"
