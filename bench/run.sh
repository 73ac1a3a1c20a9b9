#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-only
# Prints what the platform costs: flash and RAM by board, memory of each host process, time from apply to
# running on all devices. Run `make bench`. Other figures: bench/crypto/run.sh, bench/wasm/run.sh.
set -eu
cd "$(dirname "$0")/.."
source tests/e2e/lib.sh
e2e_begin "figures of the running platform" > /dev/null

echo "## Flash and RAM by board (linker map, bytes)"
printf '%-10s %10s %12s\n' board flash "static RAM"
for board in hifive1 cortex-m; do
    elf=build/$board/firmware.elf
    [ -f "$elf" ] || { echo "$board: build it with make firmware"; continue; }
    size -A "$elf" 2> /dev/null | awk -v b="$board" '
        $1 ~ /^\.(text|rodata|init|isr|vectors|ARM)/ {flash += $2}
        $1 == ".data" {flash += $2; ram += $2}
        $1 ~ /^\.(bss|noinit|retained|arena)/ {ram += $2}
        END {printf "%-10s %10d %12d\n", b, flash, ram}'
done

up > "$base/up.out" || { cat "$base/up.out"; exit 1; }
within 30 all_connected 4
within 20 bash -c "'$wasmbed' status --state '$state' -o json | jq -e '[.devices[].status.metrics.memoryUsedBytes] | all'"
echo
echo "## RAM of the devices while four are connected and run two applications (bytes)"
status_json | jq -r '
    ["device", "RAM", "used at most", "arena", "arena free", "flash free"],
    (.devices[] | [.metadata.name, .status.resources.ramBytes, .status.metrics.memoryUsedBytes,
        .status.resources.arenaBytes, .status.metrics.memoryFreeBytes, .status.metrics.flashFreeBytes])
    | @tsv' | column -t -s "$(printf '\t')"

echo
echo "## Memory of the host processes (KB; PSS shares pages fairly)"
printf '%-14s %8s %8s\n' process RSS PSS
for file in "$state"/run/*.pid; do
    name=$(basename "$file" .pid)
    pid=$(cat "$file")
    awk -v n="$name" '/^Rss/ {r = $2} /^Pss:/ {p = $2} END {printf "%-14s %8d %8d\n", n, r, p}' \
        "/proc/$pid/smaps_rollup"
done

echo
echo "## From apply to running on all four devices (ms, five runs; a changed module is fetched and installed)"
for n in 1 2 3 4 5; do
    module=hello
    [ $((n % 2)) = 1 ] && module=sensor
    sed "s/^  name: .*/  name: hello/" "$build/apps/hello.yaml" > "$base/bench.yaml"
    begun=$(date +%s%N)
    "$wasmbed" app deploy --state "$state" "$base/bench.yaml" "$build/apps/$module.wasm" > /dev/null
    within 20 app_running hello 4
    printf '%d ' $((($(date +%s%N) - begun) / 1000000))
done
echo
down > /dev/null
