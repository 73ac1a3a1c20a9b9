#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Runs every libFuzzer target below FOLDER for SECONDS each; findings go to build/fuzz/findings.
# Usage: fuzz/run.sh FOLDER SECONDS
set -eu
folder=$1
seconds=$2
top=$(cd "$(dirname "$0")" && pwd)
findings=build/fuzz/findings
mkdir -p "$findings"
failed=0
for target in "$folder"/*_fuzz; do
    name=$(basename "$target" _fuzz)
    grown=build/fuzz/corpus/$name
    mkdir -p "$grown"
    printf '%-24s ' "$name"
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$findings/$name-" "$grown" "$top/corpus/$name" > "$grown.log" 2>&1; then
        echo "ok   $(sed -n 's/stat::number_of_executed_units: *//p' "$grown.log") runs"
    else
        echo "FAIL see $grown.log and $findings"
        failed=1
    fi
done
exit $failed
