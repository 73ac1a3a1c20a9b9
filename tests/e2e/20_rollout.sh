#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-only
# The life of an application on a fleet of four Linux devices:
#
#   kubectl ── apiserver ── controller: revisions, whose turn it is, rollback, finalizer
#                  └─────── gateway ──┬── linux-1 … linux-4
#
# Claims: a new revision reaches the devices in turn; pausing restarts nothing; a bad revision is rolled
# back after one device, from the record of the one before; a device that is revoked is cut off within a
# second; a deletion removes the module first, and does not wait for those who are away.
source "$(dirname "$0")/lib.sh"
e2e_begin "rollouts, rollback, revocation, deletion"
config=$state/kubeconfig
key=$state/pki/publisher-key.pem
kubectl=$(find_kubectl)
if [ -z "$kubectl" ]; then
    echo "1..0 # SKIP kubectl 1.29 or newer is not installed (make kubectl builds it where go is)"
    exit 77
fi
k() { "$kubectl" --kubeconfig "$config" -n wasmbed --cache-dir "$base/kcache" "$@"; }
app_is() { k get application hello -o json | jq -e "$1" > /dev/null; }
restarts() { status_json | jq '[.devices[].status.applications[]? | select(.name == "hello") | .restarts] | add'; }
deploy() { # ARGUMENT MODULE: hello with an argument, signed, rolled out one device at a time
    sed "s/args: .*/args: [$1]/; s/\"5000\"/\"1000\"/" "$build/apps/hello.yaml" > "$base/hello.yaml"
    cat >> "$base/hello.yaml" << 'YAML'
  rollout: {strategy: Rolling, maxUnavailable: 1, minReadySeconds: 1, autoRollback: true}
YAML
    "$wasmbed" sign --key "$key" "$base/hello.yaml" "$2" > "$base/signed.yaml" && k apply -f "$base/signed.yaml"
}

claim "up with four Linux devices" up --devices posix=4 --no-apps
[ "$failures" = 0 ] || e2e_end
claim "four devices are Connected" within 20 all_connected 4

# ---- in turn
claim "apply of the first revision" deploy One "$build/apps/hello.wasm"
claim "it runs on all four" within 30 app_running hello 4
claim "its revision 1 is remembered as stable" within 15 app_is '.status.rollout.stableRevision == 1'
claim "the finalizer is there" app_is '.metadata.finalizers == ["wasmbed.github.io/undeploy"]'
claim "revision 1 is recorded" k get configmap wasmbed.hello.r1
claim "apply of another configuration" deploy Two "$build/apps/hello.wasm"
claim "the rollout says how far it is" within 5 app_is '.status.conditions[] | select(.type == "Progressing") | .reason == "RollingOut"'
claim "it completes as revision 2" within 30 app_is '.status.rollout.stableRevision == 2 and .status.counts.running == 4'
for n in 1 2 3 4; do
    claim "linux-$n prints the new argument" within 10 log_has "linux-$n" hello Two
done

# ---- pause
before=$(restarts)
claim "pause" k patch application hello --type=merge -p '{"spec":{"paused":true}}'
claim "the condition says so" within 5 app_is '.status.conditions[] | select(.type == "Progressing") | .reason == "Paused"'
claim "resume" k patch application hello --type=merge -p '{"spec":{"paused":false}}'
claim "it runs as before, as revision 2" within 10 app_is '.status.observedGeneration == .metadata.generation and .status.rollout.currentRevision == 2 and .status.phase == "Running"'
claim "neither restarted an application" bash -c "[ '$before' = '$(restarts)' ]"

# ---- a bad revision
claim "apply of a module that no device takes" deploy Three "$build/apps/unknown_import.wasm"
claim "it is rolled back after one device" within 30 app_is \
    '.status.conditions[] | select(.type == "Degraded") | .reason == "RolledBack" and (.message | test("failed on 1 of 4 devices"))'
claim "revision 2 runs on all four again" within 20 app_is '.status.phase == "Running" and .status.counts.running == 4'
claim "as the devices say" status_is '[.devices[].spec.applications[] | select(.name == "hello" and .revision == 2)] | length == 4'
claim "kubectl describe tells it in an event" within 5 bash -c \
    "'$kubectl' --kubeconfig '$config' -n wasmbed get events | tee /dev/stderr | grep -q RollingBack"
claim "a good revision ends it" deploy Four "$build/apps/hello.wasm"
claim "it completes" within 30 app_is '.status.rollout.failedRevision == 0 and .status.rollout.stableRevision == .status.rollout.currentRevision and .status.counts.running == 4'

# ---- a module from a ConfigMap
from_config_map() {
    sed -i 's/Four/Five/' "$base/hello.yaml"
    "$wasmbed" sign --key "$key" "$base/hello.yaml" "$build/apps/hello.wasm" > "$base/signed.yaml" || return 1
    sed '/^ *wasmBinary:/c\  source: {configMap: {name: modules, key: hello.wasm}}' "$base/signed.yaml" > "$base/source.yaml"
    k apply -f "$base/source.yaml"
}
claim "apply of an Application whose module is in a ConfigMap" from_config_map
claim "its status says that the ConfigMap is missing" within 5 app_is '.status.conditions[] | select(.type == "Accepted") | .reason == "SourceNotFound"'
claim "the version before runs on" app_is '.status.counts.running == 4'
claim "kubectl create configmap" k create configmap modules --from-file=hello.wasm="$build/apps/hello.wasm"
claim "the module is found and rolled out" within 40 app_is '.status.rollout.currentRevision == .metadata.generation and .status.rollout.stableRevision == .status.rollout.currentRevision and .status.counts.running == 4 and .status.phase == "Running"'
claim "linux-1 prints the new argument" within 10 log_has linux-1 hello Five

# ---- the gateway's HTTP API
token=$(sed -n 's/.*token: //p' "$config" | tr -d '"')
api() { # STATUS PATH [CURL OPTIONS…]: the answer's body, when its status is that
    local wanted=$1 path=$2 status
    shift 2
    status=$(curl -s --cacert "$state/pki/ca-cert.pem" --resolve "wasmbed-gateway:$https_port:127.0.0.1" -o "$base/answer" \
        -w '%{http_code}' -H "Authorization: Bearer $token" "$@" "https://wasmbed-gateway:$https_port$path")
    cat "$base/answer"
    [ "$status" = "$wanted" ]
}
is_error() { api "$@" && jq -e ".status == $1 and (.error | length > 10)" "$base/answer"; }
describes_itself() { api 200 /api/v1/openapi.json && jq -e '.openapi == "3.1.0" and (.paths | length >= 10)' "$base/answer"; }
is_stranger() { token=wrong is_error 401 /api/v1/devices; }
claim "the API describes itself as OpenAPI 3.1" describes_itself
claim "devices are served live" api 200 /api/v1/devices/linux-1
claim "an unknown device is 404 with a reason" is_error 404 /api/v1/devices/nobody
claim "an unknown path, too" is_error 404 /api/v1/nothing
claim "a wrong method is 405" is_error 405 /api/v1/devices -X DELETE
claim "an unknown command is 400" is_error 400 /api/v1/devices/linux-1/command -X POST -d '{"command":"explode"}'
claim "without a known token it is 401" is_stranger
claim "the label says which gateway holds a device" status_is \
    '[.devices[] | select(.metadata.labels["wasmbed.github.io/gateway"] == .status.gateway.name)] | length == 4'

# ---- revocation
revoked() { # from the API server's word to the end of the connection
    local begun
    k patch device linux-4 --type=merge -p '{"spec":{"approved":false}}' || return 1
    begun=$(date +%s%N)
    until grep -q 'session_ended device=linux-4 .*not approved' "$state/logs/gateway.log"; do
        [ $((($(date +%s%N) - begun) / 1000000)) -lt 1000 ] || return 1
    done
    echo "# revoked and gone after $((($(date +%s%N) - begun) / 1000000)) ms" > "$base/figures"
}
claim "a revoked device is cut off within a second" revoked
cat "$base/figures" 2> /dev/null
claim "its Device says Disconnected" within 3 status_is '.devices[] | select(.metadata.name == "linux-4") | .status.phase == "Disconnected"'
claim "the others run on" within 10 app_is '.status.counts.running == 3'

# ---- deletion
claim "kubectl delete waits until the devices have removed it" timeout 30 "$kubectl" --kubeconfig "$config" -n wasmbed delete application hello
claim "no connected device reports it" status_is \
    '[.devices[] | select(.status.phase == "Connected") | .status.applications[]? | select(.name == "hello")] | length == 0'
claim "the revoked one is not assigned it any more" status_is \
    '.devices[] | select(.metadata.name == "linux-4") | [.spec.applications[]?] | length == 0'
claim "its records are gone" within 10 bash -c \
    "! '$kubectl' --kubeconfig '$config' -n wasmbed get configmaps -l wasmbed.github.io/application=hello -o name | grep ."
claim "the revoked device is let in again" k patch device linux-4 --type=merge -p '{"spec":{"approved":true}}'
claim "and removes it, too" within 60 status_is \
    '.devices[] | select(.metadata.name == "linux-4") | .status.phase == "Connected" and ([.status.applications[]?] | length == 0)'
claim "down" down
e2e_end
