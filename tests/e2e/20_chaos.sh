#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-only
# Random parts are killed (-9) while an application is changed again and again; then everything must come to
# rest with the last version everywhere. ROUNDS=n (default 12), SEED=n repeats a run.
source "$(dirname "$0")/lib.sh"
e2e_begin "parts killed at random while an application changes"
rounds=${ROUNDS:-12}
RANDOM=${SEED:-$$}
echo "# repeat with SEED=${SEED:-$$}"
parts=(apiserver controller gateway linux-1 hifive1-1 cortex-m-1)

claim "up" up --devices hifive1=1,cortex-m=1,posix=1
[ "$failures" = 0 ] || e2e_end
deploy() { "$wasmbed" app deploy --state "$state" "$1" "$build/apps/hello.wasm"; }
for ((round = 1; round <= rounds; round++)); do
    part=${parts[RANDOM % ${#parts[@]}]}
    sed "s/World/round $round/; s/\"5000\"/\"500\"/" "$build/apps/hello.yaml" > "$base/round.yaml"
    if ((RANDOM % 2)); then
        kill -9 "$(pid_of "$part")"
        within 30 deploy "$base/round.yaml"
    else
        within 30 deploy "$base/round.yaml"
        kill -9 "$(pid_of "$part")"
    fi
    echo "# round $round: $part killed"
done
claim "all devices are Connected" within 60 all_connected 3
claim "all applications run everywhere" within 60 bash -c "[ \"\$('$wasmbed' status --state '$state' -o json | jq '[.applications[] | select(.status.phase == \"Running\" and .status.observedGeneration == .metadata.generation)] | length')\" = 3 ]"
for device in linux-1 hifive1-1 cortex-m-1; do
    claim "$device prints the last version" within 20 log_has "$device" hello "round $rounds!"
done
claim "down" down
claim "the database is whole" python3 -c "
import glob, sqlite3
for path in glob.glob('$state/db/*.db'):
    assert sqlite3.connect(path).execute('PRAGMA integrity_check').fetchone()[0] == 'ok'"
e2e_end
