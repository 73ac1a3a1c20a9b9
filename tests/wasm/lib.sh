# SPDX-License-Identifier: AGPL-3.0-only
# shellcheck shell=bash
# lib.sh: TAP output and claims about one command for the scripts of tests/wasm. WB_BUILD names the build
# folder with bin/wasmbed (default build/asan), or WASMBED the program itself.
set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
wasmbed=${WASMBED:-$top/${WB_BUILD:-build/asan}/bin/wasmbed}
claims=0
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ ! -x "$wasmbed" ]; then
    echo "1..0 # SKIP $wasmbed is not built"
    exit 77
fi

ok() { # TEXT, success of the last command as $2, file to show on failure
    claims=$((claims + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $claims - $1"
    else
        echo "not ok $claims - $1"
        failures=$((failures + 1))
        sed 's/^/# /' "$3" | tail -n 20
    fi
}

# claim TEXT CODE PATTERN ARGUMENTS…: `wasmbed ARGUMENTS` exits with CODE, and its output (both streams)
# has a line that matches PATTERN ("" for any). Input comes from $work/in.
claim() {
    local text=$1 code=$2 pattern=$3 got
    shift 3
    [ -e "$work/in" ] || : > "$work/in"
    timeout 60 "$wasmbed" "$@" < "$work/in" > "$work/out" 2>&1
    got=$?
    {
        echo "command: wasmbed $*"
        echo "exit code $got, expected $code; pattern: $pattern"
    } >> "$work/out.why"
    cat "$work/out" >> "$work/out.why"
    [ "$got" -eq "$code" ] && { [ -z "$pattern" ] || grep -qE -- "$pattern" "$work/out"; }
    ok "$text" $? "$work/out.why"
    rm -f "$work/out.why"
}

# also TEXT PATTERN: the output of the last claim has such a line, too.
also() {
    grep -qE -- "$2" "$work/out"
    ok "$1" $? "$work/out"
}

skip() {
    claims=$((claims + 1))
    echo "ok $claims - $1 # SKIP $2"
}

finish() {
    echo "1..$claims"
    [ "$failures" -eq 0 ]
    exit
}
