#!/usr/bin/env bash
# Installs the packages that are missing, builds, and opens the workbench on the built-in demo, or on the files given.
# Without a display it does the same offscreen and writes a screenshot, the report and the QConfig.
source "$(dirname "${BASH_SOURCE[0]}")/../cmake/setup.sh"

install_packages build
build release -DFXP_TESTS=OFF

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    say "Opening the workbench"
    exec "$root/build/release/app/fxp-workbench" "$@"
fi

out="$root/build/demo"
mkdir -p "$out"
say "No display: running the demo offscreen"
QT_QPA_PLATFORM=offscreen QT_LOGGING_RULES='*.debug=false;qt.qpa.*=false' "$root/build/release/app/fxp-workbench" "$@" \
    --screenshot "$out/screenshot.png" --report "$out/report.json" --save-qconfig "$out/digits.qconfig.json"
say "Written:"
ls -l "$out/screenshot.png" "$out/report.json" "$out/digits.qconfig.json"
