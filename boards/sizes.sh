#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Prints what each built firmware takes, in bytes, from its map. Usage: boards/sizes.sh [build folder]
# The stack's high-water mark is a run's business: heartbeats report static data plus it (memoryUsedBytes).
set -eu
build=${1:-$(dirname "$0")/../build}
found=0

# Value of a symbol that the linker script defines, from the map.
symbol() { awk -v name="$2" '$2 == name && $1 ~ /^0x/ { print $1; exit }' "$1"; }
# End of what lies in flash: load address of .data plus its size.
section() { awk -v name="$2" 'index($0, name " ") == 1 { print $3; exit }' "$1"; }

printf '%-10s %10s %10s %10s %10s %10s\n' board flash ram static stack arena
for map in "$build"/*/firmware.map; do
    [ -f "$map" ] || continue
    found=1
    flash=$(($(section "$map" .text) + $(section "$map" .data)))
    static=$(($(symbol "$map" wb_board_static_end) - $(symbol "$map" wb_board_static_start)))
    stack=$(($(symbol "$map" wb_board_stack_top) - $(symbol "$map" wb_board_stack_bottom)))
    arena=$(($(symbol "$map" wb_board_arena_size)))
    printf '%-10s %10d %10d %10d %10d %10d\n' "$(basename "$(dirname "$map")")" "$flash" \
        "$((static + stack + arena))" "$static" "$stack" "$arena"
done
if [ "$found" = 0 ]; then
    echo "no firmware.map below $build: \`make firmware\` builds it" >&2
    exit 1
fi
