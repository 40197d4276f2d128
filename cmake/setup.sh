# Sourced by app/run.sh and tests/run.sh: installs what is missing, configures and builds. Each step says what it does and
# does nothing twice.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\033[1m%s\033[0m\n' "$*"; }

# as_root COMMAND…: directly, or with sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "Installing packages needs root or sudo: $*" >&2
        return 1
    fi
}

# install_packages KIND…: the packages of cmake/packages.txt of those kinds that are not installed yet.
install_packages() {
    local missing=() kind package
    while read -r kind package; do
        [[ " $* " == *" $kind "* ]] || continue
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done < <(grep -v '^#' "$root/cmake/packages.txt")
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    say "Installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build PRESET [CMake options…]: configures where it was not, and builds what changed of FXP_TARGETS (default: everything).
build() {
    local preset=$1
    shift
    local cmake=/usr/bin/cmake
    [ -x "$cmake" ] || cmake=cmake
    if [ ! -f "$root/build/$preset/build.ninja" ] || [ $# -gt 0 ]; then
        say "Configuring $preset"
        (cd "$root" && "$cmake" --preset "$preset" "$@" >"/tmp/fxp-configure.$$.log" 2>&1) || {
            cat "/tmp/fxp-configure.$$.log" >&2
            rm -f "/tmp/fxp-configure.$$.log"
            return 1
        }
        rm -f "/tmp/fxp-configure.$$.log"
    fi
    say "Building $preset"
    # shellcheck disable=SC2086 # a list of targets
    "$cmake" --build "$root/build/$preset" ${FXP_TARGETS:+--target $FXP_TARGETS}
}
