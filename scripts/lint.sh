#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# clang-tidy over the sources of the Linux programs (checks: .clang-tidy), two at a time; about two minutes.
# Usage: scripts/lint.sh [FILE…]   after `make host`
set -eu
cd "$(dirname "$0")/.."
[ -f build/host/compile_commands.json ] || { echo "lint: run make host first" >&2; exit 1; }
# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(git ls-files 'core/*/src/*.c' 'host/*/src/*.c' 'boards/posix/src/*.c')
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
printf '%s\n' "$@" | xargs -P 2 -n 4 clang-tidy -p build/host --quiet > "$log" 2> /dev/null || status=1
grep -E '(error|warning):' "$log" | sort -u || true
[ "$status" -eq 0 ] && echo "lint: $# files: nothing to complain about"
exit "$status"
