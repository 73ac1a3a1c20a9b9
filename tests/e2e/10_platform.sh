#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-only
# The main job, on emulated boards:
#
#   kubectl, wasmbed ──HTTPS── apiserver ── controller
#                                  └─────── gateway ──TLS 1.3──┬── linux-1     (process)
#                                                              ├── hifive1-1/2 (QEMU sifive_e, 16 KB)
#                                                              └── cortex-m-1  (QEMU netduinoplus2)
#
# Claims: everything comes up with one command; applications run on all four devices and work on input;
# changes arrive; killing any part loses nothing; strangers and garbage are turned away; a second start
# resumes with identities and applications.
source "$(dirname "$0")/lib.sh"
e2e_begin "the whole platform with four devices"
key=$state/pki/publisher-key.pem
config=$state/kubeconfig
kubectl=$(find_kubectl)

# ---- start
claim "up --detach brings up control plane, controller, gateway, four devices and the examples" up
[ "$failures" = 0 ] || e2e_end
claim "four devices are Connected" within 20 all_connected 4
claim "hello runs on all four" within 20 app_running hello 4
claim "filter runs on all four" within 20 app_running filter 4
claim "/health and /metrics answer" bash -c "curl -sf http://127.0.0.1:$http_port/health | jq -e '.connectedDevices == 4' && curl -sf http://127.0.0.1:$http_port/metrics | grep -q '^wasmbed_gateway_devices_connected 4'"
for device in linux-1 hifive1-1 hifive1-2 cortex-m-1; do
    claim "hello on $device prints" within 15 log_has "$device" hello "hello"
    claim "filter on $device works on what sensor publishes" within 20 log_has "$device" filter "[0-9]"
done
claim "a 16 KB board leaves 6 KB and more for applications" status_is \
    '.devices[] | select(.metadata.name == "hifive1-1") | .status.resources.arenaBytes >= 6144'
claim "status prints tables" bash -c "'$wasmbed' status --state '$state' | grep -q 'hifive1-2 *riscv-hifive1 *Connected'"
claim "a second up in the same state folder is refused with one line" bash -c \
    "! '$wasmbed' up --state '$state' ${ports[*]} > '$base/second' && grep -q 'in use by process' '$base/second'"

# ---- kubectl
if [ -n "$kubectl" ]; then
    k() { "$kubectl" --kubeconfig "$config" -n wasmbed --cache-dir "$base/kcache" "$@"; }
    claim "kubectl get devices,applications,gateways" bash -c \
        "'$kubectl' --kubeconfig '$config' -n wasmbed get devices,applications,gateways | tee /dev/stderr | grep -q 'hifive1-1.*Connected'"
    claim "kubectl get wdev -o wide" k get wdev -o wide
    claim "kubectl describe shows conditions and events" bash -c \
        "'$kubectl' --kubeconfig '$config' -n wasmbed describe device hifive1-1 | tee /dev/stderr | grep -q Connected"
    claim "kubectl explain application.spec" k explain application.spec
    claim "kubectl wait for a condition" k wait --for=condition=Available application/hello --timeout=10s
    "$kubectl" --kubeconfig "$config" -n wasmbed get applications -w > "$base/watch" 2>&1 &
    watcher=$!
else
    skip "kubectl commands" "kubectl 1.29 or newer is not installed (make kubectl builds it where go is)"
fi

# ---- a changed application reaches the boards
apply() { # MANIFEST: through kubectl where there is one
    if [ -n "$kubectl" ]; then
        k apply -f "$1"
    else
        python3 -c 'import sys' && "$wasmbed" app deploy --state "$state" "$2" "$3"
    fi
}
sed 's/every 5 seconds/every second/; s/"5000"/"1000"/; s/World/Wasm/' "$build/apps/hello.yaml" > "$base/hello2.yaml"
claim "sign fills in module and signature" bash -c \
    "'$wasmbed' sign --key '$key' '$base/hello2.yaml' '$build/apps/hello.wasm' > '$base/hello2-signed.yaml'"
begun=$(date +%s%N)
claim "apply of a changed application" apply "$base/hello2-signed.yaml" "$base/hello2.yaml" "$build/apps/hello.wasm"
claim "the change runs on all four devices" within 10 app_running hello 4
echo "# apply to running on all four: $((($(date +%s%N) - begun) / 1000000)) ms"
claim "the boards print the new text" within 10 log_has hifive1-1 hello "Wasm"
if [ -n "$kubectl" ]; then
    claim "kubectl get -w saw the change" within 5 bash -c "[ \$(grep -c hello '$base/watch') -ge 2 ]"
    kill "$watcher" 2> /dev/null
    wait "$watcher" 2> /dev/null
fi

# ---- killing parts
restarts_of() { status_json | jq "[.devices[] | select(.metadata.name == \"$1\") | .status.applications[].restarts] | add"; }
before=$(restarts_of hifive1-2)
killed() { # COMPONENT: end it hard; the supervisor starts it again
    local old
    old=$(pid_of "$1")
    kill -9 "$old"
    within 10 bash -c "[ \"\$(cat '$state/run/$1.pid')\" != '$old' ] && kill -0 \$(cat '$state/run/$1.pid')"
}
boots_of() { status_json | jq ".devices[] | select(.metadata.name == \"$1\") | .status.metrics.boots"; }
for device in linux-1 hifive1-1; do
    boots=$(boots_of "$device")
    claim "kill -9 of $device" killed "$device"
    claim "$device comes back Connected after one more start" within 20 status_is \
        ".devices[] | select(.metadata.name == \"$device\") | .status.phase == \"Connected\" and .status.metrics.boots > $boots"
    claim "$device runs hello again" within 10 run_is "$device" hello Running
    # Its greeting counts from #1 again; the line "connected" comes after that one.
    claim "$device ran hello from its own flash before it was connected" \
        awk '/Hello.*#1$/ {ran = NR} /connected to the gateway/ {connected = NR} END {exit !(ran && ran < connected)}' \
        "$state/logs/$device.log"
done
claim "kill -9 of the gateway" killed gateway
claim "all devices come back to the new gateway" within 40 all_connected 4
claim "no application was restarted by that" bash -c "[ '$before' = '$(restarts_of hifive1-2)' ]"
claim "kill -9 of the control plane" killed apiserver
claim "all objects are still there and all is Running" within 30 app_running filter 4
claim "kill -9 of the controller" killed controller
claim "still Running" within 20 app_running hello 4

# ---- strangers and garbage
ca=$state/pki/ca-cert.pem
client=(openssl s_client -tls1_3 -connect "127.0.0.1:$tls_port" -CAfile "$ca" -verify_return_error -alpn wasmbed/1)
identity=(-cert "$state/devices/linux-1/cert.pem" -key "$state/devices/linux-1/key.pem")
claim "openssl s_client with a client certificate completes a handshake" bash -c \
    "sleep 1 | timeout 5 ${client[*]} ${identity[*]} 2>&1 | tee /dev/stderr | grep -q 'Verify return code: 0'"
claim "without a client certificate it is refused" bash -c \
    "sleep 1 | timeout 5 ${client[*]} 2>&1 | tee /dev/stderr | grep -q 'alert certificate required\|certificate_required\|alert number 116'"
claim "a malformed frame ends that connection with a logged reason" bash -c \
    "(printf '\\x00\\x03abc'; sleep 1) | timeout 5 ${client[*]} ${identity[*]} > /dev/null 2>&1; grep -q 'malformed message' '$state/logs/gateway.log'"
claim "and costs nothing else: four devices are Connected" within 30 all_connected 4

# ---- bad applications keep the old version running
bad() { # NAME MODULE PATTERN: an update of hello by a bad module
    local signed=$base/bad-$1.yaml
    "$wasmbed" sign --key "$key" "$base/hello2.yaml" "$2" > "$signed" &&
        apply "$signed" "$base/hello2.yaml" "$2" &&
        within 15 status_is ".applications[] | select(.metadata.name == \"hello\") | .status.deployedDevices[] | select(.name == \"hifive1-1\") | .message // \"\" | test(\"$3\"; \"i\")" &&
        within 5 run_is hifive1-1 hello Failed
}
claim "an unknown import is refused by the board, by name" bad import "$build/apps/unknown_import.wasm" "import"
head -c 200 "$build/apps/hello.wasm" > "$base/cut.wasm"
claim "a module that does not validate is refused with function or offset" bad invalid "$base/cut.wasm" "offset|ends|truncat|end"
claim "the previous version still prints" bash -c "
    n=\$('$wasmbed' logs --state '$state' --once --lines 64 hifive1-1 hello | tail -n 1)
    for i in \$(seq 50); do sleep 0.1; [ \"\$('$wasmbed' logs --state '$state' --once --lines 64 hifive1-1 hello | tail -n 1)\" != \"\$n\" ] && exit 0; done; exit 1"
openssl genpkey -algorithm ed25519 -out "$base/other.pem" 2> /dev/null
bad_signature() {
    "$wasmbed" sign --key "$base/other.pem" "$base/hello2.yaml" "$build/apps/filter.wasm" > "$base/forged.yaml" &&
        apply "$base/forged.yaml" "$base/hello2.yaml" "$build/apps/filter.wasm" &&
        within 15 status_is '.applications[] | select(.metadata.name == "hello") | .status.deployedDevices[] | select(.name == "hifive1-1") | .message // "" | test("signature"; "i")'
}
if [ -n "$kubectl" ]; then
    claim "a signature by another key is refused" bad_signature
fi
says() { # DEVICE PATTERN: what the Application's status says about hello there
    status_is ".applications[] | select(.metadata.name == \"hello\") | .status.deployedDevices[] | select(.name == \"$1\") | .message // \"\" | test(\"$2\"; \"i\")"
}
if [ -n "$kubectl" ]; then
    grep -v ' signature: ' "$base/hello2-signed.yaml" > "$base/unsigned.yaml"
    claim "apply of an unsigned module" k apply -f "$base/unsigned.yaml"
    claim "it is refused, and the message says how to sign" within 10 says hifive1-1 "wasmbed sign"
fi
sed 's/memory: 1024/memory: 60000/' "$base/hello2.yaml" > "$base/large.yaml"
claim "an application too large for 16 KB is taken" "$wasmbed" app deploy --state "$state" "$base/large.yaml" "$build/apps/hello.wasm"
claim "the small board says what it needs and has" within 10 says hifive1-1 "needs [0-9]+ bytes of RAM, [0-9]+ are free"
claim "the Linux device runs it" within 10 run_is linux-1 hello Running
claim "the good version is taken again" apply "$base/hello2-signed.yaml" "$base/hello2.yaml" "$build/apps/hello.wasm"
claim "and runs on all four" within 15 app_running hello 4

# ---- removal
claim "delete of an application" "$wasmbed" app delete --state "$state" sensor
claim "its device removes it" within 10 status_is \
    '[.devices[].status.applications[]? | select(.name == "sensor")] | length == 0'

# ---- stop and resume
chunks() { curl -sf "http://127.0.0.1:$http_port/metrics" | awk '$1 == "wasmbed_gateway_chunks_total" {print $2}'; }
pids=$(cat "$state"/run/*.pid)
claim "down stops everything" down
# (a zombie that nobody reaps is as good as gone)
claim "no process of it is left" bash -c "for pid in ${pids//$'\n'/ }; do ! grep -q '^State:.[^Z]' /proc/\$pid/status 2> /dev/null || exit 1; done"
claim "a second up resumes" up --no-apps
claim "the same devices are Connected" within 30 all_connected 4
claim "their applications run" within 20 app_running filter 4
claim "from their own flash: nothing was fetched again" bash -c "[ '$(chunks)' = 0 ]"
claim "down" down

# ---- clear errors
python3 -c "
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', $tls_port)); s.listen(); open('$base/squatter', 'w').write('listening'); time.sleep(60)" &
squatter=$!
within 20 test -s "$base/squatter"
claim "a port in use: one clear line and a non-zero exit" bash -c \
    "! '$wasmbed' up --state '$state' ${ports[*]} > '$base/ports' 2>&1 && grep -q 'port $tls_port' '$base/ports'"
kill "$squatter"
wait "$squatter" 2> /dev/null
claim "an unreadable state folder: the same" bash -c \
    "touch '$base/file'; ! '$wasmbed' up --state '$base/file/x' > '$base/unreadable' 2>&1 && grep -q '$base/file' '$base/unreadable'"
e2e_end
