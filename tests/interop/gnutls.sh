#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# core/tls against gnutls-cli and gnutls-serv, in both roles, over loopback; GnuTLS honours record_size_limit.
# gnutls-serv cannot be told to listen on loopback only: so all of this runs in a network namespace of its own, and
# without one the tests of gnutls-serv are left out.
# Usage: gnutls.sh WASMBED
if [ -z "${WB_NETNS:-}" ] && unshare -rn ip link set lo up 2> /dev/null; then
    # shellcheck disable=SC2016 # expanded by the inner shell
    WB_NETNS=1 exec unshare -rn sh -c 'ip link set lo up && exec "$0" "$@"' "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need gnutls-cli gnutls-bin
need gnutls-serv gnutls-bin
make_pki "$dir" > /dev/null || exit 1
ca="$dir/ca-cert.pem"
ours="--cert $dir/server.pem --key $dir/server.key --ca $ca"
# GnuTLS itself takes no limits below 512 unless told so.
priority="NORMAL:-VERS-ALL:+VERS-TLS1.3:%ALLOW_SMALL_RECORDS"

gnutls_cli() { # gnutls_cli TEXT PRIORITY OPTIONS...
    text=$1
    chosen=$2
    shift 2
    (
        echo "$text"
        wait_for "$dir/gnutls.log" "^$text"
    ) | timeout 20 gnutls-cli -p "$port" --x509cafile "$ca" --priority "$chosen" --sni-hostname localhost \
        --verify-hostname localhost "$@" 127.0.0.1 > "$dir/gnutls.log" 2>&1
}
echoed() { grep -q "^$1" "$dir/gnutls.log"; }
newline='
'
device="--x509certfile $dir/device.pem --x509keyfile $dir/device.key"

for cipher in CHACHA20-POLY1305 AES-256-GCM AES-128-GCM; do
    run_ours $ours --require-client-cert --alpn wasmbed/1 &&
        gnutls_cli "ping-$cipher" "$priority:-CIPHER-ALL:+$cipher" $device --alpn wasmbed/1
    wait $server_pid && echoed "ping-$cipher" && grep -q 'peer="device-1" alpn=wasmbed/1' "$dir/ours.log"
    result "our server, $cipher, client certificate, ALPN" $?
done

run_ours $ours && gnutls_cli ping-retry "$priority:-GROUP-ALL:+GROUP-SECP256R1:+GROUP-X25519"
wait $server_pid && echoed ping-retry
result "our server, client with P-256 first (two shares or HelloRetryRequest)" $?

for limit in 64 512; do
    run_ours $ours --require-client-cert --record-size-limit $limit
    gnutls_cli "ping-limit-$limit" "$priority" $device
    wait $server_pid && echoed "ping-limit-$limit"
    result "our server announces record_size_limit $limit" $?
done

# The server's flight is longer than 512 bytes, so it must come in two records.
run_ours $ours && gnutls_cli ping-512 "$priority" --recordsize=512
wait $server_pid && echoed ping-512
result "our server obeys the client's record_size_limit of 512" $?

run_ours $ours --require-client-cert --board-buffers --record-size-limit 512 && gnutls_cli ping-tiny "$priority" $device
wait $server_pid && echoed ping-tiny
result "our server with a board's buffers" $?

# ---- our client ----

if [ -z "${WB_NETNS:-}" ]; then
    echo "# gnutls-serv left out: no network namespace here (unshare -rn, ip)"
    finish
fi

run_gnutls() {
    port=$(free_port)
    : > "$dir/gnutls.log"
    gnutls-serv -p "$port" --echo --x509cafile "$ca" --x509certfile "$dir/server.pem" \
        --x509keyfile "$dir/server.key" "$@" > "$dir/gnutls.log" 2>&1 < /dev/null &
    server_pid=$!
    pids="$pids $server_pid"
    wait_for "$dir/gnutls.log" 'IPv4.*done'
}
mine="--ca $ca --cert $dir/device.pem --key $dir/device.key"

for suite in TLS_CHACHA20_POLY1305_SHA256 TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256; do
    run_gnutls --priority "$priority" --require-client-cert --verify-client-cert --alpn wasmbed/1 &&
        [ "$(client "127.0.0.1:$port" $mine --suite $suite --alpn wasmbed/1 --send "ping-$suite$newline")" = "ping-$suite" ] &&
        grep -q "suite=$suite peer=\"localhost\" alpn=wasmbed/1" "$dir/ours.log"
    result "our client, suite $suite, client certificate, ALPN" $?
    stop $server_pid
done

run_gnutls --priority "$priority" --require-client-cert --verify-client-cert
[ "$(client "127.0.0.1:$port" $mine --board-buffers --send "ping-tiny$newline")" = ping-tiny ]
result "our client with a board's buffers: GnuTLS obeys record_size_limit 512" $?
[ "$(client "127.0.0.1:$port" $mine --record-size-limit 64 --send "ping-64$newline")" = ping-64 ]
result "our client announces record_size_limit 64" $?
[ "$(client "127.0.0.1:$port" $mine --empty-key-share --send "ping-retry$newline")" = ping-retry ]
result "our client follows a HelloRetryRequest" $?
[ "$(client "127.0.0.1:$port" $mine --key-updates 2 --send "ping-update$newline")" = ping-update ]
result "our client renews keys" $?
! client "127.0.0.1:$port" --ca "$ca" --send none > /dev/null
grep -q 'failed: received alert=certificate_required' "$dir/ours.log"
result "our client without certificate where one is required: hears certificate_required" $?
stop $server_pid
finish
