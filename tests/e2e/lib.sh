# SPDX-License-Identifier: AGPL-3.0-only
# shellcheck shell=bash
# lib.sh: what end-to-end scripts share: TAP output, waiting for conditions, a platform of one's own.
# Each script sources it, calls e2e_begin, makes claims with `claim`, and ends with e2e_end.
# WB_BUILD names the build folder with bin/wasmbed (default build/host). KEEP=1 keeps the state folder.

set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "$top" && cd "${WB_BUILD:-build/host}" && pwd) || exit 1
firmware=$top/build
wasmbed=$build/bin/wasmbed
claims=0
failures=0

# claim TEXT COMMAND…: one TAP line by the command's success; on failure the command is shown.
claim() {
    local text=$1
    shift
    claims=$((claims + 1))
    if "$@" > "$state/claim.out" 2>&1; then
        echo "ok $claims - $text"
    else
        echo "not ok $claims - $text"
        failures=$((failures + 1))
        echo "# command: $*"
        sed 's/^/# /' "$state/claim.out" | tail -n 20
    fi
}

skip() {
    claims=$((claims + 1))
    echo "ok $claims - $1 # SKIP $2"
}

# within SECONDS COMMAND…: tries until it succeeds; prints its last output when it does not.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" > "$state/within.out" 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            cat "$state/within.out"
            return 1
        fi
        sleep 0.1
    done
}

# A TCP port that is free now.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

e2e_begin() {
    echo "# $1"
    base=$(mktemp -d)
    state=$base/state
    mkdir -p "$state"
    api_port=$(free_port) tls_port=$(free_port) http_port=$(free_port) https_port=$(free_port)
    ports=(--api-port "$api_port" --tls-port "$tls_port" --http-port "$http_port" --https-port "$https_port")
    trap e2e_cleanup EXIT
    trap 'exit 1' INT TERM
}

e2e_cleanup() {
    "$wasmbed" down --state "$state" > /dev/null 2>&1
    if [ "$failures" -gt 0 ]; then
        for log in "$state"/logs/*.log; do
            echo "# ---- last lines of $(basename "$log")"
            tail -n 8 "$log" | sed 's/^/#   /'
        done
        echo "# repeat with: KEEP=1 $0"
    fi
    if [ -n "${KEEP:-}" ]; then
        echo "# state folder: $state"
    else
        rm -rf "$base"
    fi
}

e2e_end() {
    claim "no component met a failed assertion or a sanitizer" bash -c \
        "! grep -lE 'assertion failed|runtime error:|(Address|Leak)Sanitizer' '$state'/logs/*.log"
    echo "1..$claims"
    [ "$failures" -eq 0 ]
    exit
}

up() { "$wasmbed" up --state "$state" --detach --firmware "$firmware" "${ports[@]}" "$@"; }
down() { "$wasmbed" down --state "$state"; }
status_json() { "$wasmbed" status --state "$state" -o json; }

# jq over the status: is FILTER true?
status_is() { status_json | jq -e "$1" > /dev/null; }

# Phase of an application on a device.
run_phase() {
    status_json | jq -r --arg d "$1" --arg a "$2" \
        '.devices[] | select(.metadata.name == $d) | .status.applications[]? | select(.name == $a) | .phase'
}
run_is() { [ "$(run_phase "$1" "$2")" = "$3" ]; }

all_connected() {
    status_is "[.devices[] | select(.status.phase == \"Connected\")] | length == $1"
}

app_running() { # NAME COUNT
    status_is ".applications[] | select(.metadata.name == \"$1\") | .status.phase == \"Running\" and .status.counts.running == $2 and .status.observedGeneration == .metadata.generation"
}

logs() { timeout 10 "$wasmbed" logs --state "$state" --once --lines 64 "$@"; }
log_has() { # DEVICE APP PATTERN
    logs "$1" "$2" | grep -E "$3"
}

pid_of() { cat "$state/run/$1.pid"; }

# The kubectl to test with: 1.29 or newer, else empty.
find_kubectl() {
    local candidate version
    for candidate in "${WB_KUBECTL:-}" kubectl "$top/build/tools/kubectl"; do
        version=$("$candidate" version --client -o json 2> /dev/null | jq -r '.clientVersion.minor' | tr -dc 0-9)
        if [ -n "$version" ] && [ "$version" -ge 29 ]; then
            command -v "$candidate"
            return
        fi
    done
}
