#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# The constant-time test built by clang, which makes branches where gcc does not. Usage: clang.sh CRYPTO
# BASE FOLDER: the folders of core/crypto and core/base, and one for the programs.
set -eu
crypto=$1
base=$2
folder=$3
for tool in clang valgrind; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed (apt install $tool)"
        exit 77
    fi
done
sources=$(find "$crypto/src" -maxdepth 1 -name '*.c' ! -name declassify.c | sort)
failed=0
for build in field32:s field32:2 field64:3; do
    words=${build%:*}
    level=${build#*:}
    program=$folder/ct_clang_${words}_O$level
    # shellcheck disable=SC2086
    clang -std=c11 -O"$level" -I"$crypto/src" -I"$crypto/src/$words" -I"$crypto" -I"$base" \
        "$crypto"/tests/ct/*.c $sources "$crypto/src/$words"/*.c "$base/src/memory.c" \
        "$base/src/cursor.c" -o "$program"
    echo "clang -O$level, $words"
    valgrind -q --error-exitcode=1 "$program" || failed=1
done
exit $failed
