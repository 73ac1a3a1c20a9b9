#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
#
#   kubectl ──HTTPS, token──> apiserver_run (the embedded API server) ──> SQLite file
#
# Claims: an unmodified kubectl (1.29 or newer) gets, watches, describes, applies, patches, labels, annotates, waits,
# explains, diffs, replaces and deletes our objects; bad objects are refused with kube-apiserver's words; namespaces keep
# objects apart; kill -9 and a new start lose nothing.
#
# WB_KUBECTL         the kubectl to use (default: the one in PATH)
# WB_APISERVER_RUN   the server program (default: below build/asan)
# WB_API             a kubeconfig of a running server; the claims about restarts are skipped then
set -u
here=$(cd "$(dirname "$0")" && pwd)
kubectl=${WB_KUBECTL:-kubectl}
run=${WB_APISERVER_RUN:-$here/../../build/asan/host/apiserver/apiserver_run}
work=$(mktemp -d "${TMPDIR:-/tmp}/wb-kube.XXXXXX")
server_pid=
watch_pid=
count=0
failed=0

skip_all() { echo "1..0 # SKIP $1"; rm -rf "$work"; exit 77; }
stop() { [ -n "$1" ] && kill "$2" "$1" 2>/dev/null && wait "$1" 2>/dev/null; return 0; }
finish() {
    stop "$watch_pid" -TERM
    stop "$server_pid" -TERM
    if [ "$failed" -gt 0 ]; then
        echo "# $failed of $count claims failed; the server's last lines:"
        tail -n 15 "$work/server.log" 2>/dev/null | sed 's/^/#   /'
        echo "# repeat: WB_KUBECTL=$kubectl WB_APISERVER_RUN=$run $0"
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

version=$("$kubectl" version --client -o json 2>/dev/null | sed -n 's/.*"gitVersion": *"v1\.\([0-9]*\).*/\1/p')
[ -n "$version" ] || skip_all "no kubectl: install one (1.29 or newer) or set WB_KUBECTL"
[ "$version" -ge 29 ] || skip_all "kubectl 1.$version is too old: 1.29 or newer is needed"

export HOME="$work"
k() { timeout 30 "$kubectl" "$@" >"$work/out" 2>&1; }

ok() { count=$((count + 1)); echo "ok $count - $1"; }
not_ok() {
    count=$((count + 1)); failed=$((failed + 1))
    echo "not ok $count - $1"
    sed 's/^/#   /' "$work/out" | head -n 20
}
# claim TEXT WANTED -- kubectl arguments: succeeds, and the output contains WANTED (a basic regular expression)
claim() {
    text=$1 wanted=$2; shift 3
    echo "# kubectl $*"
    if k "$@" && grep -q -e "$wanted" "$work/out"; then ok "$text"; else not_ok "$text"; fi
}
# refuse TEXT WANTED -- kubectl arguments: fails, and says WANTED
refuse() {
    text=$1 wanted=$2; shift 3
    echo "# kubectl $*"
    if ! k "$@" && grep -q -e "$wanted" "$work/out"; then ok "$text"; else not_ok "$text"; fi
}
# eventually TEXT COMMAND…: within ten seconds
eventually() {
    text=$1; shift
    tries=100
    while [ $tries -gt 0 ]; do
        if "$@" >"$work/out" 2>&1; then ok "$text"; return; fi
        tries=$((tries - 1)); sleep 0.1
    done
    not_ok "$text"
}

# try_server PORT: starts the server; fails when it ends at once (the port is somebody else's)
try_server() {
    : >"$work/ready" # the word of the server before must not count
    "$run" "$work/state" "$1" "$work/cert.pem" "$work/key.pem" "$work/tokens.csv" >"$work/ready" 2>>"$work/server.log" &
    server_pid=$!
    tries=100
    until grep -q '^ready' "$work/ready"; do
        tries=$((tries - 1))
        if [ $tries -eq 0 ] || ! kill -0 "$server_pid" 2>/dev/null; then return 1; fi
        sleep 0.1
    done
}
start_server() {
    ports=5
    until try_server "$port"; do
        ports=$((ports - 1))
        if [ $ports -eq 0 ]; then echo "Bail out! the server did not start"; failed=1; exit 1; fi
        port=$((port + 1))
    done
}

write_kubeconfig() { # NAME TOKEN
    cat >"$work/$1.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: w, cluster: {server: "https://127.0.0.1:$port", certificate-authority: "$work/cert.pem"}}]
users: [{name: u, user: {token: $2}}]
contexts: [{name: w, context: {cluster: w, user: u, namespace: wasmbed}}]
current-context: w
END
}

if [ -n "${WB_API:-}" ]; then
    export KUBECONFIG="$WB_API"
else
    [ -x "$run" ] || skip_all "no server program at $run: build the target apiserver_run"
    command -v openssl >/dev/null || skip_all "no openssl to make a certificate with"
    openssl req -x509 -newkey ed25519 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 \
        -subj /CN=test -addext subjectAltName=IP:127.0.0.1 2>/dev/null
    cat >"$work/tokens.csv" <<END
admin-token,admin,1,"system:masters"
viewer-token,eve,2,"wasmbed:viewer"
END
    # Below the range from which the system takes ports for connections; the server comes back on it after its restart.
    port=$((10000 + $$ % 20000))
    start_server
    write_kubeconfig admin admin-token
    write_kubeconfig viewer viewer-token
    write_kubeconfig nobody wrong-token
    export KUBECONFIG="$work/admin.kubeconfig"
fi

device() { # NAME TYPE LABEL
    printf 'apiVersion: wasmbed.github.io/v1\nkind: Device\nmetadata: {name: %s, labels: {board: %s}}\n' "$1" "$3"
    printf 'spec: {deviceId: %s, deviceType: %s, approved: true}\n' "$1" "$2"
}
device d1 riscv-hifive1 a >"$work/d1.yaml"
device d2 cortex-m b >"$work/d2.yaml"
device d1 posix a >"$work/d1-changed.yaml"

# ---- discovery
claim "the server tells its version" "Server Version: v1" -- version
claim "our kinds are listed with short names" "devices  *wdev  *wasmbed.github.io/v1  *true  *Device" -- api-resources
claim "categories work in discovery" "applications" -- api-resources --categories=wasmbed
claim "api-versions lists our group" "wasmbed.github.io/v1" -- api-versions
claim "health" "^ok" -- get --raw /readyz
claim "namespaces exist" "wasmbed  *Active" -- get namespaces
claim "CRDs are shown" "devices.wasmbed.github.io" -- get crd
claim "explain a field" "KIND:  *Device" -- explain devices.spec.deviceType
claim "explain recursively" "keyData" -- explain devices.spec --recursive
claim "explain metadata" "labels" -- explain devices.metadata
claim "can-i" "^yes" -- auth can-i create devices
claim "whoami" "Username" -- auth whoami

# ---- create, get, apply
claim "nothing there yet" "No resources found in wasmbed namespace" -- get devices
claim "apply creates" "device.wasmbed.github.io/d1 created" -- apply -f "$work/d1.yaml"
claim "apply again changes nothing" "unchanged" -- apply -f "$work/d1.yaml"
claim "create creates" "d2 created" -- create -f "$work/d2.yaml"
refuse "create refuses what exists" 'AlreadyExists.*devices.wasmbed.github.io "d2" already exists' -- create -f "$work/d2.yaml"
claim "get prints the columns" "^NAME  *TYPE  *PHASE" -- get devices
claim "get by short name" "d1  *riscv-hifive1" -- get wdev d1
claim "get -o wide shows more columns" "APPROVED" -- get devices -o wide
claim "get -o yaml" "deviceType: riscv-hifive1" -- get device d1 -o yaml
claim "get -o json" '"deviceId": "d1"' -- get device d1 -o json
claim "get -o name" "device.wasmbed.github.io/d2" -- get devices -o name
claim "get by category" "d1" -- get wasmbed
claim "get all namespaces" "^wasmbed  *d1" -- get devices -A
claim "get in chunks" "d2" -- get devices --chunk-size=1
claim "labels as columns" "BOARD" -- get devices -L board
claim "label selector" "d1" -- get devices -l 'board in (a,c),!x'
claim "label selector that matches nothing" "No resources" -- get devices -l board=zzz
claim "field selector" "d2" -- get devices --field-selector metadata.name=d2
claim "sort" "d1" -- get devices --sort-by=.spec.deviceType
claim "custom columns" "cortex-m" -- get devices -o custom-columns=T:.spec.deviceType
claim "describe" "Device Type:  *riscv-hifive1" -- describe device d1
claim "a default was filled in" "false" -- get device d1 -o 'jsonpath={.spec.publicKey}{"false"}'
if k diff -f "$work/d1.yaml"; then ok "diff finds no difference"; else not_ok "diff finds no difference"; fi
refuse "diff shows a change" "+  deviceType: posix" -- diff -f "$work/d1-changed.yaml"
claim "dry run on the server" "configured (server dry run)" -- apply --dry-run=server -f "$work/d1-changed.yaml"
claim "a dry run changes nothing" "riscv-hifive1" -- get device d1 -o yaml
claim "apply of a change" "d1 configured" -- apply -f "$work/d1-changed.yaml"
claim "the change is there" "posix" -- get device d1
claim "generation counts changes of intent" "^2$" -- get device d1 -o 'jsonpath={.metadata.generation}{"\n"}'

# ---- changing
claim "merge patch" "patched" -- patch device d1 --type=merge -p '{"spec":{"capabilities":["gpio"]}}'
claim "JSON patch" "patched" -- patch device d1 --type=json -p '[{"op":"add","path":"/spec/capabilities/-","value":"tls-client"}]'
claim "both patches took" "gpio tls-client" -- get device d1 -o 'jsonpath={.spec.capabilities[*]}'
claim "a patch that changes nothing" "no change" -- patch device d1 --type=merge -p '{"spec":{"capabilities":["gpio","tls-client"]}}'
refuse "strategic merge patch is refused" "application/merge-patch+json" -- patch device d1 -p '{"spec":{"approved":false}}'
refuse "a failing test operation" "invalid" -- patch device d1 --type=json -p '[{"op":"test","path":"/spec/approved","value":7}]'
claim "label" "labeled" -- label device d1 zone=x
claim "label removed" "unlabeled" -- label device d1 zone-
claim "annotate" "annotated" -- annotate device d1 note=hello
claim "status through its subresource" "patched" -- patch device d1 --subresource=status --type=merge -p '{"status":{"phase":"Connected"}}'
claim "status is printed" "Connected" -- get device d1
claim "status does not count as intent" "^4$" -- get device d1 -o 'jsonpath={.metadata.generation}{"\n"}'
claim "status is kept from the main resource" "no change" -- patch device d1 --type=merge -p '{"status":{"phase":"Pending"}}'
claim "a selectable field selects" "d1" -- get devices --field-selector status.phase=Connected
refuse "an unknown field does not" "field label not supported" -- get devices --field-selector spec.nothing=1
claim "wait for a value" "condition met" -- wait device/d1 --for=jsonpath='{.status.phase}'=Connected --timeout=10s
refuse "wait times out" "timed out" -- wait device/d1 --for=condition=Nothing --timeout=1s
k get device d2 -o yaml; cp "$work/out" "$work/d2-full.yaml"
sed -i 's/cortex-m/esp32/' "$work/d2-full.yaml"
claim "replace" "replaced" -- replace -f "$work/d2-full.yaml"
refuse "replace of an old version" "the object has been modified" -- replace -f "$work/d2-full.yaml"
KUBE_EDITOR="sed -i s/esp32/cortex-m/" k edit device d2
if k get device d2 -o yaml && grep -q "cortex-m" "$work/out"; then ok "edit changes"; else not_ok "edit changes"; fi

# ---- server-side apply
claim "server-side apply" "serverside-applied" -- apply --server-side --force-conflicts -f "$work/d1.yaml"
claim "it took" "riscv-hifive1" -- get device d1
device d4 posix s >"$work/d4.yaml"
claim "server-side apply creates" "serverside-applied" -- apply --server-side -f "$work/d4.yaml"
claim "managers are noted" "manager: kubectl" -- get device d4 -o yaml --show-managed-fields
sed 's/posix/esp32/' "$work/d4.yaml" >"$work/d4-other.yaml"
refuse "another manager meets a conflict" "conflict with \"kubectl\"" -- apply --server-side --field-manager=other -f "$work/d4-other.yaml"
claim "force takes over" "serverside-applied" -- apply --server-side --field-manager=other --force-conflicts -f "$work/d4-other.yaml"
claim "deleted" "deleted" -- delete device d4

# ---- bad objects
bad() { printf 'apiVersion: wasmbed.github.io/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n' "$1" "$2" "$3" >"$work/bad.yaml"; }
bad Device bad '{deviceId: bad, deviceType: posix, bogus: 1}'
refuse "unknown field" 'strict decoding error: unknown field "spec.bogus"' -- apply -f "$work/bad.yaml"
claim "unknown field with a warning" 'Warning: unknown field "spec.bogus"' -- apply --validate=warn -f "$work/bad.yaml"
claim "it was pruned" "deleted" -- delete device bad
bad Device bad '{deviceId: 7, deviceType: posix}'
refuse "wrong type" 'spec.deviceId: Invalid value: "integer": spec.deviceId in body must be of type string' -- apply -f "$work/bad.yaml"
bad Device bad '{deviceType: posix}'
refuse "missing field" 'spec.deviceId: Required value' -- apply -f "$work/bad.yaml"
bad Device bad '{deviceId: "-", deviceType: posix}'
refuse "pattern" "spec.deviceId in body should match" -- apply -f "$work/bad.yaml"
bad Device Bad_Name '{deviceId: bad, deviceType: posix}'
refuse "bad name" "a lowercase RFC 1123 subdomain" -- apply -f "$work/bad.yaml"
bad Application bad '{targetDevices: [d1]}'
refuse "a rule of the CRD" "exactly one of wasmBinary and source is needed" -- apply -f "$work/bad.yaml"
bad Application bad '{wasmBinary: "AGFzbQEAAAA=", restartPolicy: Perhaps}'
refuse "enumeration" 'Unsupported value: "Perhaps"' -- apply -f "$work/bad.yaml"
bad Gadget bad '{}'
refuse "unknown kind" 'no matches for kind "Gadget"' -- apply -f "$work/bad.yaml"
refuse "an immutable field" "deviceId is the device's identity" -- patch device d1 --type=merge -p '{"spec":{"deviceId":"other"}}'
refuse "unknown type" "the server doesn't have a resource type" -- get gadgets
refuse "unknown object" 'devices.wasmbed.github.io "nosuch" not found' -- get device nosuch
refuse "unknown namespace" 'namespaces "nosuch" not found' -- create -n nosuch -f "$work/d1.yaml"

# ---- core kinds, namespaces
claim "create namespace" "namespace/other created" -- create namespace other
claim "the same name elsewhere" "d1 created" -- create -n other -f "$work/d1.yaml"
claim "two namespaces are kept apart" "^other  *d1" -- get devices -A
claim "delete in one" "deleted" -- delete -n other device d1
claim "the other stays" "d1" -- get device d1
claim "config map" "created" -- create configmap c --from-literal=a=b
claim "secret" "created" -- create secret generic s --from-literal=a=b
claim "strategic merge on core kinds" "patched" -- patch configmap c -p '{"data":{"x":"y"}}'
claim "its data" "map\[a:b x:y\]\|{\"a\":\"b\",\"x\":\"y\"}" -- get configmap c -o 'jsonpath={.data}'
cat >"$work/event.yaml" <<END
apiVersion: v1
kind: Event
metadata: {name: e1}
involvedObject: {apiVersion: wasmbed.github.io/v1, kind: Device, name: d1, namespace: wasmbed}
reason: Connected
message: device connected
type: Normal
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
END
claim "event" "created" -- create -f "$work/event.yaml"
claim "get events" "Connected  *device/d1  *device connected" -- get events
claim "kubectl events" "device connected" -- events --for device/d1
k create -n other configmap in-the-way --from-literal=a=b
claim "delete namespace with contents" "deleted" -- delete namespace other
refuse "it is gone" "not found" -- get namespace other

# ---- watching
"$kubectl" get devices -w >"$work/watch" 2>&1 &
watch_pid=$!
eventually "a watch shows what is there" grep -q "^d1 .*Connected" "$work/watch"
k patch device d1 --subresource=status --type=merge -p '{"status":{"phase":"Disconnected"}}'
eventually "a watch shows a change" grep -q "^d1 .*Disconnected" "$work/watch"
device d3 posix c >"$work/d3.yaml"
k create -f "$work/d3.yaml"
eventually "a watch shows a new object" grep -q "^d3 " "$work/watch"
stop "$watch_pid" -TERM; watch_pid=
"$kubectl" get devices --watch-only -l board=moved --output-watch-events >"$work/watch" 2>&1 &
watch_pid=$!
eventually "the selecting watch runs" sh -c "timeout 5 '$kubectl' label device d3 board=moved --overwrite && timeout 5 '$kubectl' label device d3 board=c --overwrite && grep -q ADDED '$work/watch'"
eventually "leaving the selection is a deletion" grep -q "DELETED  *d3" "$work/watch"
stop "$watch_pid" -TERM; watch_pid=

# ---- deleting
claim "finalizer" "patched" -- patch device d3 --type=merge -p '{"metadata":{"finalizers":["test/hold"]}}'
claim "delete waits for finalizers" "deleted" -- delete device d3 --wait=false
claim "it is still there" "deletionTimestamp" -- get device d3 -o yaml
claim "the last finalizer lets it go" "patched" -- patch device d3 --type=merge -p '{"metadata":{"finalizers":null}}'
refuse "it is gone" "not found" -- get device d3
claim "delete by selector" "deleted" -- delete devices -l board=b
claim "delete --dry-run=server" "deleted.*(server dry run)" -- delete device d1 --dry-run=server
claim "dry deletion keeps it" "d1" -- get device d1
refuse "delete of nothing" "NotFound" -- delete device nosuch

if [ -z "${WB_API:-}" ]; then
    # ---- users
    export KUBECONFIG="$work/viewer.kubeconfig"
    claim "a viewer may look" "d1" -- get devices
    refuse "a viewer may not change" 'User "eve" cannot delete resource "devices" in API group "wasmbed.github.io" in the namespace "wasmbed"' -- delete device d1
    refuse "a viewer sees no secrets" "forbidden" -- get secrets
    refuse "can-i says no" "^no" -- auth can-i delete devices
    export KUBECONFIG="$work/nobody.kubeconfig"
    refuse "a wrong token is refused" "Unauthorized\|logged in" -- get devices
    export KUBECONFIG="$work/admin.kubeconfig"

    # ---- kill and restart
    k get device d1 -o json; cp "$work/out" "$work/before"
    kill -9 "$server_pid"; wait "$server_pid" 2>/dev/null
    start_server
    write_kubeconfig admin admin-token
    k get device d1 -o json
    if cmp -s "$work/out" "$work/before"; then ok "kill -9 loses nothing"; else not_ok "kill -9 loses nothing"; fi
    claim "secrets are there, too" "s  *Opaque  *1" -- get secret s
    claim "writing goes on" "labeled" -- label device d1 after=restart
fi
claim "delete all" "deleted" -- delete devices --all
echo "1..$count"
[ "$failed" -eq 0 ]
