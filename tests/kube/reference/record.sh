#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Builds kube-apiserver and etcd from their published Go modules, runs them on loopback, and records their answers to
# differential/corpus.txt in differential/golden.json.  Usage: tests/kube/reference/record.sh WORKDIR
# (about ten minutes the first time, then cached in WORKDIR; needs Go 1.26, python3, openssl, curl)
set -eu
work=$(mkdir -p "$1" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
diff=$here/../differential
api=https://127.0.0.1:16443
etcd_pid=
api_pid=
finish() {
    [ -n "$api_pid" ] && kill -9 "$api_pid" 2>/dev/null
    [ -n "$etcd_pid" ] && kill -9 "$etcd_pid" 2>/dev/null
    return 0
}
trap finish EXIT
cd "$here"
export CGO_ENABLED=0
v=component-base/version
[ -x "$work/etcd" ] || nice go build -p 1 -o "$work/etcd" go.etcd.io/etcd/server/v3
[ -x "$work/kube-apiserver" ] || nice go build -p 1 -o "$work/kube-apiserver" -ldflags "-s -w \
    -X k8s.io/$v.gitVersion=v1.36.3 -X k8s.io/$v.gitMajor=1 -X k8s.io/$v.gitMinor=36" k8s.io/kubernetes/cmd/kube-apiserver
cd "$work"
rm -rf etcd-data
openssl ecparam -name prime256v1 -genkey -noout -out sa.key
openssl ec -in sa.key -pubout -out sa.pub 2>/dev/null
printf '%s\n' 'admin-token,admin,1,"system:masters"' 'none-token,nobody,3' >tokens.csv
./etcd --data-dir etcd-data --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
    --listen-peer-urls http://127.0.0.1:12380 --unsafe-no-fsync --log-level error >etcd.log 2>&1 &
etcd_pid=$!
./kube-apiserver --etcd-servers http://127.0.0.1:12379 --bind-address 127.0.0.1 --secure-port 16443 --cert-dir certs \
    --service-account-issuer "$api/" --service-account-key-file sa.pub --service-account-signing-key-file sa.key \
    --token-auth-file tokens.csv --authorization-mode RBAC --service-cluster-ip-range 10.0.0.0/24 \
    --disable-admission-plugins ServiceAccount --allow-privileged=true --advertise-address 192.0.2.1 \
    --endpoint-reconciler-type=none >api.log 2>&1 &
api_pid=$!
ask() { curl -sk -m 10 -H 'Authorization: Bearer admin-token' "$@"; }
tries=120
until ask "$api/readyz" | grep -q '^ok'; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "record: kube-apiserver did not get ready; see $work/api.log" >&2; exit 1; }
    sleep 0.5
done
for crd in "$diff"/crds/*.yaml; do
    ask -f -o /dev/null -H 'Content-Type: application/yaml' --data-binary "@$crd" \
        "$api/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
done
ask -f -o /dev/null -H 'Content-Type: application/json' \
    -d '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"wasmbed"}}' "$api/api/v1/namespaces"
tries=60
until ask -f -o /dev/null "$api/openapi/v3/apis/wasmbed.github.io/v1"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "record: the CRDs were not established" >&2; exit 1; }
    sleep 0.5
done
python3 "$diff/differential.py" record "$diff/golden.json" "$api" certs/apiserver.crt admin-token none-token
