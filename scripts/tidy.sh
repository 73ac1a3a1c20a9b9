#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-only
# House rules that a machine can check: format, SPDX lines, shell scripts, banned functions, what core may
# import, machine paths, dead links. Usage: scripts/tidy.sh [--fix]   (--fix formats)
set -u
cd "$(dirname "$0")/.." || exit 1
problems=0
complain() { # TITLE, lines
    [ -z "$2" ] && return
    printf '%s\n%s\n\n' "$1" "$2"
    problems=$((problems + 1))
}
mapfile -t sources < <(git ls-files '*.c' '*.h')
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)

[ "${1:-}" = --fix ] && clang-format -i "${sources[@]}"
complain "Not formatted (scripts/tidy.sh --fix formats):" \
    "$(clang-format --dry-run "${sources[@]}" 2>&1 | sed -n 's/:.*code should be clang-formatted.*//p' | sort -u)"
complain "No SPDX line at the top:" \
    "$(for f in $(git ls-files '*.c' '*.h' '*.S' '*.ld' '*.sh' '*.cmake' '*CMakeLists.txt' Makefile .ci/run); do
        head -n 3 "$f" | grep -q 'SPDX-License-Identifier: AGPL-3.0-only' || echo "$f"; done)"
complain "shellcheck:" "$(shellcheck -x -S warning -e SC2154 "${scripts[@]}" 2>&1)"
complain "Banned functions (snprintf instead of sprintf and strcpy; strtol instead of atoi):" \
    "$(git grep -nE '\b(sprintf|strcpy|strcat|gets|atoi|atol|alloca)\(' -- '*.c' '*.h' ':!*/tests/*')"
complain "core/ may not allocate or print:" \
    "$(git grep -nE '\b(malloc|calloc|realloc|free|printf|fprintf|time|getenv)\(' -- 'core/*/src/*.c' ':(glob)core/*/*.h')"
complain "core/ holds no writable data:" \
    "$(git grep -nE '^static [^(=;]*(=|;)' -- 'core/*/src/*.c' | grep -v const)"
complain "Paths of one machine:" \
    "$(git grep -nIE '(^|[^A-Za-z0-9])/(root|home)/[a-z.]' -- . ':!scripts/tidy.sh')"
complain "Dead links in documents:" \
    "$(git ls-files '*.md' | while read -r doc; do
        grep -oE '\]\([^)#:]+' "$doc" | cut -c3- | while read -r link; do
            [ -e "$(dirname "$doc")/$link" ] || echo "$doc: $link"; done; done)"
[ "$problems" -eq 0 ] && echo "tidy: ${#sources[@]} sources, ${#scripts[@]} scripts: nothing to complain about"
exit "$problems"
