#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# core/tls against OpenSSL's s_client and s_server, in both roles, over loopback.
#
#     s_client --- TLS 1.3, mutual Ed25519 ---> wasmbed tls server      each suite, HelloRetryRequest, refusals
#     wasmbed tls client ------------------------> s_server             each suite, HelloRetryRequest, KeyUpdate
#
# Usage: openssl.sh WASMBED
. "$(dirname "$0")/lib.sh"
need openssl openssl
make_pki "$dir" > /dev/null || exit 1
make_pki "$dir/foreign" > /dev/null || exit 1
ca="$dir/ca-cert.pem"
ours="--cert $dir/server.pem --key $dir/server.key --ca $ca"
device="-cert $dir/device.pem -key $dir/device.key"

# s_client's input stays open until the echo has come: it closes at end of input.
s_client() { # s_client TEXT OPTIONS...
    text=$1
    shift
    mkfifo "$dir/in"
    timeout 20 openssl s_client -tls1_3 -connect "127.0.0.1:$port" -CAfile "$ca" -servername localhost \
        -verify_return_error -verify_hostname localhost -brief "$@" < "$dir/in" > "$dir/s_client.log" 2>&1 &
    client_pid=$!
    exec 3> "$dir/in"
    rm "$dir/in"
    echo "$text" >&3
    tries=0
    while ! grep -qs "^$text" "$dir/s_client.log" && kill -0 $client_pid 2> /dev/null && [ $tries -lt 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    exec 3>&-
    wait $client_pid
}

echoed() { grep -q "^$1" "$dir/s_client.log"; }

# ---- our server ----

for suite in TLS_CHACHA20_POLY1305_SHA256 TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256; do
    for provider in openssl core; do
        run_ours $ours --require-client-cert --alpn wasmbed/1 --provider $provider &&
            s_client "ping-$suite" -ciphersuites $suite -alpn wasmbed/1 $device &&
            echoed "ping-$suite" && grep -q "$suite" "$dir/s_client.log" && wait $server_pid &&
            grep -q 'peer="device-1" alpn=wasmbed/1' "$dir/ours.log"
        result "our server over $provider, $suite, client certificate, ALPN" $?
    done
done

run_ours $ours && s_client ping-retry -groups P-256:X25519 && echoed ping-retry && wait $server_pid
result "our server asks for another group (HelloRetryRequest)" $?

run_ours $ours --require-client-cert && s_client ping-middlebox -groups P-256:X25519 $device &&
    echoed ping-middlebox && wait $server_pid
result "our server, HelloRetryRequest and client certificate" $?

run_ours $ours && ! s_client ping-p384 -groups P-384
grep -q 'alert handshake failure' "$dir/s_client.log"
result "our server, no common group: handshake_failure" $?
stop $server_pid

run_ours $ours --require-client-cert && ! s_client ping-none
wait $server_pid
grep -q 'certificate_required' "$dir/ours.log" && grep -q 'alert certificate required' "$dir/s_client.log"
result "our server, client without certificate: certificate_required" $?

run_ours $ours --require-client-cert
s_client ping-foreign -cert "$dir/foreign/device.pem" -key "$dir/foreign/device.key"
wait $server_pid
grep -q 'failed: sent alert=bad_certificate' "$dir/ours.log"
result "our server, certificate of another authority with the same name: bad_certificate" $?

run_ours $ours --require-client-cert
s_client ping-usage -cert "$dir/server.pem" -key "$dir/server.key"
wait $server_pid
grep -q 'failed: sent alert=unsupported_certificate' "$dir/ours.log"
result "our server, server certificate as client: unsupported_certificate" $?

run_ours $ours && timeout 10 openssl s_client -tls1_2 -connect "127.0.0.1:$port" < /dev/null > "$dir/s_client.log" 2>&1
wait $server_pid
grep -q 'failed: sent alert=protocol_version' "$dir/ours.log" && grep -q 'alert protocol version' "$dir/s_client.log"
result "our server, TLS 1.2 client: protocol_version" $?

run_ours $ours --alpn wasmbed/1 && ! s_client ping-alpn -alpn other
wait $server_pid
grep -q 'failed: sent alert=no_application_protocol' "$dir/ours.log"
result "our server, other ALPN: no_application_protocol" $?

head -c 20000 /dev/zero | tr '\0' 'x' > "$dir/long"
run_ours $ours && s_client "$(cat "$dir/long")" && wait $server_pid
grep -q "$(head -c 15000 "$dir/long")" "$dir/s_client.log"
result "our server echoes 20,000 bytes" $?

# ---- our client ----

# s_server -rev sends each line back reversed.
run_openssl() { # run_openssl OPTIONS...
    port=$(free_port)
    : > "$dir/s_server.log"
    openssl s_server -accept "127.0.0.1:$port" -tls1_3 -rev -CAfile "$ca" "$@" > "$dir/s_server.log" 2>&1 < /dev/null &
    server_pid=$!
    pids="$pids $server_pid"
    wait_for "$dir/s_server.log" '^ACCEPT'
}
their="-cert $dir/server.pem -key $dir/server.key"
mine="--ca $ca --cert $dir/device.pem --key $dir/device.key"
line='abc
'

for suite in TLS_CHACHA20_POLY1305_SHA256 TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256; do
    run_openssl $their -Verify 1 -verify_return_error -alpn wasmbed/1 &&
        grep -q ACCEPT "$dir/s_server.log"
    for provider in openssl core; do
        [ "$(client "127.0.0.1:$port" $mine --suite $suite --alpn wasmbed/1 --send "$line" --provider $provider)" = cba ] &&
            grep -q "suite=$suite peer=\"localhost\" alpn=wasmbed/1" "$dir/ours.log" &&
            grep -q 'CN = device-1' "$dir/s_server.log"
        result "our client over $provider, suite $suite, client certificate, ALPN" $?
    done
    stop $server_pid
done

run_openssl $their && [ "$(client "127.0.0.1:$port" --ca "$ca" --send "$line")" = cba ]
result "our client without certificate" $?
[ "$(client "127.0.0.1:$port" --ca "$ca" --empty-key-share --send "$line")" = cba ]
result "our client follows a HelloRetryRequest" $?
[ "$(client "127.0.0.1:$port" --ca "$ca" --key-updates 3 --send "$line")" = cba ]
result "our client renews keys (KeyUpdate, both directions)" $?
! client "127.0.0.1:$port" --ca "$ca" --name other.example --send "$line" > /dev/null
grep -q 'alert=bad_certificate.*name' "$dir/ours.log"
result "our client, other server name: bad_certificate" $?
! client "127.0.0.1:$port" --ca "$dir/foreign/ca-cert.pem" --send "$line" > /dev/null
grep -q 'failed: sent alert=bad_certificate' "$dir/ours.log"
result "our client, server of another authority: bad_certificate" $?
stop $server_pid

run_openssl $their -Verify 1 -verify_return_error
! client "127.0.0.1:$port" --ca "$ca" --send "$line" > /dev/null
grep -q 'failed: received alert=certificate_required' "$dir/ours.log"
result "our client without certificate where one is required: hears certificate_required" $?
stop $server_pid

run_openssl $their -groups P-384
! client "127.0.0.1:$port" --ca "$ca" --send "$line" > /dev/null
grep -q 'failed: received alert=handshake_failure' "$dir/ours.log"
result "our client, no common group: hears handshake_failure" $?
stop $server_pid

openssl req -x509 -newkey ed448 -nodes -keyout "$dir/ed448.key" -out "$dir/ed448.pem" -subj /CN=localhost \
    -days 2 > /dev/null 2>&1
run_openssl -cert "$dir/ed448.pem" -key "$dir/ed448.key"
! client "127.0.0.1:$port" --ca "$ca" --send "$line" > /dev/null
grep -q 'failed: received alert=handshake_failure' "$dir/ours.log"
result "our client, server with Ed448 only: hears handshake_failure" $?
stop $server_pid

run_openssl $their -num_tickets 8 && [ "$(client "127.0.0.1:$port" --ca "$ca" --send "$line")" = cba ]
result "our client passes over session tickets" $?
stop $server_pid

# ---- resumption (psk_dhe_ke) ----

for offer in X25519 P-256:X25519; do
    for provider in openssl core; do
        run_ours $ours --require-client-cert --count 3 --provider $provider --group X25519
        rm -f "$dir/session"
        s_client ping-first -groups "$offer" $device -sess_out "$dir/session" && echoed ping-first &&
            s_client ping-second -groups "$offer" $device -sess_in "$dir/session" && echoed ping-second &&
            s_client ping-third -groups "$offer" $device -sess_in "$dir/session" && echoed ping-third && wait $server_pid &&
            [ "$(sed -n 's/.*peer="device-1".*resumed=//p' "$dir/ours.log" | tr '\n' ' ')" = 'no yes no ' ]
        result "our server over $provider resumes a session once, groups $offer, and still knows the device" $?
    done
done
run_ours $ours --count 2 --ticket-lifetime 0 --group X25519
rm -f "$dir/session"
s_client ping-none $device -sess_out "$dir/session"
[ ! -s "$dir/session" ] && echoed ping-none
result "our server without tickets gives none" $?
stop $server_pid

for offer in "" --empty-key-share; do
    run_openssl $their -Verify 1 -verify_return_error
    [ "$(client "127.0.0.1:$port" $mine --send "$line" --reconnect 2 $offer | tr '\n' ' ')" = 'cba cba cba ' ] &&
        [ "$(sed -n 's/.*resumed=//p' "$dir/ours.log" | tr '\n' ' ')" = 'no yes yes ' ]
    result "our client resumes at s_server, twice ${offer:+(HelloRetryRequest)}" $?
    stop $server_pid
done
run_openssl $their -num_tickets 0
[ "$(client "127.0.0.1:$port" --ca "$ca" --send "$line" --reconnect 1 | tr '\n' ' ')" = 'cba cba ' ] &&
    ! grep -q 'resumed=yes' "$dir/ours.log"
result "our client without a ticket makes a full handshake again" $?
stop $server_pid

# A stateless server sends a cookie with its HelloRetryRequest.
port=$(free_port)
: > "$dir/s_server.log"
openssl s_server -accept "127.0.0.1:$port" -tls1_3 -stateless -rev $their > "$dir/s_server.log" 2>&1 < /dev/null &
server_pid=$!
pids="$pids $server_pid"
wait_for "$dir/s_server.log" '^ACCEPT' && [ "$(client "127.0.0.1:$port" --ca "$ca" --send "$line")" = cba ]
result "our client returns the cookie of a stateless server" $?
stop $server_pid
finish
