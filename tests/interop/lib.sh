#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Sourced by the interoperation scripts: TAP output, processes with a port of their own, clean-up by pid.
set -u
wasmbed=$1
dir=$(mktemp -d /tmp/wb-interop-XXXXXX)
pids=""
number=0
failed=0

cleanup() {
    for pid in $pids; do
        kill "$pid" 2> /dev/null
    done
    wait 2> /dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

need() { # need PROGRAM PACKAGE
    if ! command -v "$1" > /dev/null; then
        echo "1..0 # SKIP $1 is not installed (package $2)"
        exit 77
    fi
}

# result NAME STATUS: one TAP line; on failure the participants' last words.
result() {
    number=$((number + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        for log in "$dir"/*.log; do
            [ -s "$log" ] && sed "s|^|# $(basename "$log"): |" "$log" | tail -n 12
        done
        failed=1
    fi
}

finish() {
    echo "1..$number"
    exit $failed
}

# wait_for FILE PATTERN: until a line matches; 10 seconds at most.
wait_for() {
    tries=0
    while ! grep -q "$2" "$1" 2> /dev/null; do
        tries=$((tries + 1))
        [ $tries -gt 200 ] && return 1
        sleep 0.05
    done
}

# make_pki DIR: an authority, server.{pem,key} and device.{pem,key}.
make_pki() {
    "$wasmbed" cert ca --dir "$1" &&
        "$wasmbed" cert issue --ca "$1" --for server --key "$1/server.key" --out "$1/server.pem" \
            localhost wasmbed-gateway 127.0.0.1 ::1 &&
        "$wasmbed" cert issue --ca "$1" --key "$1/device.key" --out "$1/device.pem" device-1
}

# run_ours OPTIONS...: starts our server on a free port for one connection, sets port and server_pid.
run_ours() {
    : > "$dir/server.out"
    "$wasmbed" tls server --port 0 --count 1 "$@" > "$dir/server.out" 2> "$dir/ours.log" &
    server_pid=$!
    pids="$pids $server_pid"
    wait_for "$dir/server.out" '^listening' || return 1
    # shellcheck disable=SC2034 # read by the scripts
    port=$(sed -n 's/^listening .*://p' "$dir/server.out")
}

# Runs our client; prints what came back.
client() {
    timeout 20 "$wasmbed" tls client "$@" 2> "$dir/ours.log"
}

# A port that was free a moment ago.
free_port() {
    python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

stop() { # stop PID
    kill "$1" 2> /dev/null
    wait "$1" 2> /dev/null
}
