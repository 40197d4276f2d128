#!/usr/bin/env bash
# Kills the workbench at 200 random moments while its user edits, and looks each time at what the next start offers back:
# no more than the last edit may be gone. Takes about ten minutes. crash.sh [KILLS] [BUILD]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
FXP_KILLS="${1:-200}" QT_QPA_PLATFORM=offscreen QTEST_FUNCTION_TIMEOUT=7200000 \
    exec "${2:-$root/build/release}/tests/app/tst_recovery" -maxwarnings 0 randomKills
