#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-only
# Figures of the embedded API server. Usage: bench/apiserver/run.sh [PROGRAM [DEVICES [SECONDS A LOAD]]]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run=${1:-$here/../../build/host/host/apiserver/apiserver_run}
[ -x "$run" ] || { echo "bench: no $run; build the target apiserver_run" >&2; exit 1; }
ulimit -n 4096
exec python3 "$here/bench.py" "$run" "${2:-10000}" "${3:-3}"
