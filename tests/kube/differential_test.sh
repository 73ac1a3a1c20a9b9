#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
#
#   differential.py ──HTTPS, token──> apiserver_run (the embedded API server) ──> SQLite file
#
# Claims: every request of differential/corpus.txt is answered as a real kube-apiserver 1.36.3 did (golden.json, recorded by
# tests/kube/reference/record.sh), but for what differential/known.txt lists with reasons.
#
# Both servers have the CRDs of differential/crds, as they were when the answers were recorded.
#
# WB_APISERVER_RUN   the server program (default: below build/asan)
set -u
here=$(cd "$(dirname "$0")" && pwd)
run=${WB_APISERVER_RUN:-$here/../../build/asan/host/apiserver/apiserver_run}
work=$(mktemp -d "${TMPDIR:-/tmp}/wb-diff.XXXXXX")
server_pid=
skip_all() { echo "1..0 # SKIP $1"; rm -rf "$work"; exit 77; }
finish() {
    [ -n "$server_pid" ] && kill "$server_pid" 2>/dev/null && wait "$server_pid" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

command -v python3 >/dev/null || skip_all "no python3"
command -v openssl >/dev/null || skip_all "no openssl to make a certificate with"
[ -x "$run" ] || skip_all "no server program at $run: build the target apiserver_run"
openssl req -x509 -newkey ed25519 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 \
    -subj /CN=test -addext subjectAltName=IP:127.0.0.1 2>/dev/null
printf '%s\n' 'admin-token,admin,1,"system:masters"' 'none-token,nobody,3' >"$work/tokens.csv"
port=$((10000 + $$ % 20000))
for try in 1 2 3 4 5; do
    : >"$work/ready"
    "$run" "$work/state" "$port" "$work/cert.pem" "$work/key.pem" "$work/tokens.csv" "$here/differential/crds" >"$work/ready" 2>"$work/log" &
    server_pid=$!
    tries=100
    until grep -q '^ready' "$work/ready" || [ $tries -eq 0 ] || ! kill -0 "$server_pid" 2>/dev/null; do
        tries=$((tries - 1)); sleep 0.1
    done
    grep -q '^ready' "$work/ready" && break
    port=$((port + 1))
done
[ "$try" -le 5 ] && grep -q '^ready' "$work/ready" || { echo "Bail out! the server did not start"; exit 1; }
python3 "$here/differential/differential.py" check "$here/differential/golden.json" "https://127.0.0.1:$port" \
    "$work/cert.pem" admin-token none-token
code=$?
if [ $code -ne 0 ]; then
    echo "# repeat: WB_APISERVER_RUN=$run $0"
fi
exit $code
