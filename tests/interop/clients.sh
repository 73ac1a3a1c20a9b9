#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Other people's clients at `wasmbed tls server --http`, over both crypto providers: curl, openssl, gnutls-cli, Python's
# ssl module and Go's crypto/tls. And what only the command itself can get wrong.
#
#     curl, s_client, gnutls-cli, python3, go ---- HTTPS, mutual Ed25519 ----> wasmbed tls server --http
#
# Usage: clients.sh WASMBED
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
need openssl openssl
need python3 python3
make_pki "$dir" > /dev/null || exit 1
ca="$dir/ca-cert.pem"
ours="--cert $dir/server.pem --key $dir/server.key --ca $ca --http"
request='GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
is_page() { grep -q '^cipher suite:  TLS_' "$1" && grep -q "^your name:     $2" "$1"; }

if command -v go > /dev/null; then
    mkdir "$dir/go" && cp "$here/client.go" "$dir/go/main.go" &&
        (cd "$dir/go" && GOFLAGS=-mod=mod GO111MODULE=off go build -o ../client-go main.go) \
            > "$dir/go-build.log" 2>&1 || echo "# Go's client is left out: it does not build here"
fi

for provider in openssl core; do
    # every client at one server, some of them at the same time
    run_ours $ours --count 6 --request-client-cert --alpn http/1.1 --provider $provider
    if command -v curl > /dev/null; then
        curl -sS --max-time 10 --cacert "$ca" "https://localhost:$port/" > "$dir/page" 2> "$dir/curl.log" &&
            is_page "$dir/page" 'no certificate' && grep -q "^provider:      $provider" "$dir/page" &&
            grep -q '^ALPN:          http/1.1' "$dir/page"
        result "$provider: curl" $?
        curl -sS --max-time 10 --cacert "$ca" --cert "$dir/device.pem" --key "$dir/device.key" -I \
            "https://127.0.0.1:$port/any/path" > "$dir/page" 2> "$dir/curl.log" && grep -q '^HTTP/1.1 200' "$dir/page"
        result "$provider: curl, HEAD, client certificate" $?
    fi
    # shellcheck disable=SC2059
    printf "$request" | timeout 10 openssl s_client -connect "127.0.0.1:$port" -CAfile "$ca" -verify_return_error \
        -cert "$dir/device.pem" -key "$dir/device.key" -ign_eof -quiet > "$dir/page" 2> "$dir/s_client.log" &&
        is_page "$dir/page" device-1
    result "$provider: openssl s_client" $?
    if command -v gnutls-cli > /dev/null; then
        # shellcheck disable=SC2059
        (printf "$request"; wait_for "$dir/page" '^fingerprint') | timeout 10 gnutls-cli -p "$port" --x509cafile "$ca" \
            --x509certfile "$dir/device.pem" --x509keyfile "$dir/device.key" --sni-hostname localhost \
            --verify-hostname localhost 127.0.0.1 > "$dir/page" 2> "$dir/gnutls.log"
        is_page "$dir/page" device-1
        result "$provider: gnutls-cli" $?
    fi
    timeout 10 python3 "$here/client.py" "$port" "$ca" "$dir/device.pem" "$dir/device.key" > "$dir/page" \
        2> "$dir/python.log" && is_page "$dir/page" device-1
    result "$provider: Python's ssl" $?
    if [ -x "$dir/client-go" ]; then
        timeout 20 "$dir/client-go" "$port" "$ca" "$dir/device.pem" "$dir/device.key" > "$dir/page" 2> "$dir/go.log" &&
            is_page "$dir/page" device-1
        result "$provider: Go's crypto/tls" $?
    fi
    stop "$server_pid"
done

# ---- the command ----

run_ours --cert "$dir/server.pem" --key "$dir/server.key" --count 50
is_good=0
clients=""
for n in $(seq 50); do
    timeout 30 "$wasmbed" tls client "127.0.0.1:$port" --ca "$ca" --send "number $n" > "$dir/echo-$n" 2> /dev/null &
    clients="$clients $!"
done
for pid in $clients; do
    wait "$pid" || is_good=1
done
for n in $(seq 50); do
    [ "$(cat "$dir/echo-$n")" = "number $n" ] || is_good=1
done
[ $is_good -eq 0 ] && wait "$server_pid"
result "50 connections at a time in one loop" $?

head -c 2000000 /dev/urandom > "$dir/long"
run_ours --cert "$dir/server.pem" --key "$dir/server.key" --count 2
timeout 30 "$wasmbed" tls client "localhost:$port" --ca "$ca" < "$dir/long" > "$dir/back" 2> "$dir/client.log" &&
    cmp -s "$dir/long" "$dir/back"
result "2 MB of a file go there and come back" $?
# shellcheck disable=SC2002
cat "$dir/long" | timeout 30 "$wasmbed" tls client "localhost:$port" --ca "$ca" --provider core --key-updates 20 \
    > "$dir/back" 2> "$dir/client.log" && cmp -s "$dir/long" "$dir/back" && wait "$server_pid"
result "2 MB through a pipe, with 20 KeyUpdates" $?

fails() { # fails EXIT_CODE PATTERN ARGUMENTS...
    code=$1
    pattern=$2
    shift 2
    timeout 20 "$wasmbed" tls "$@" > "$dir/fails.log" 2>&1 < /dev/null
    [ $? -eq "$code" ] && grep -q -e "$pattern" "$dir/fails.log"
}
fails 2 'wasmbed cert' server --port 0
result "server without certificate: says how to get one" $?
fails 2 'belong together' server --port 0 --cert "$dir/server.pem"
result "server with certificate, but no key" $?
fails 1 'server.pem with' server --port 0 --cert "$dir/server.pem" --key "$dir/device.key"
result "server with another certificate's key" $?
(
    cd "$dir" || exit 1
    for n in 1 2; do
        openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa$n.key
    done
    openssl req -x509 -new -key rsa1.key -out rsa1.pem -days 2 -subj /CN=localhost
    openssl pkey -in rsa1.key -aes256 -passout pass:x -out locked.key
    openssl genpkey -algorithm ed448 -out ed448.key
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.key
) > "$dir/make.log" 2>&1
fails 1 'belongs to another certificate' server --port 0 --cert "$dir/rsa1.pem" --key "$dir/rsa2.key" &&
    fails 1 'belongs to another certificate' server --port 0 --cert "$dir/server.pem" --key "$dir/rsa1.key"
result "server with another certificate's RSA key" $?
fails 1 'locked.key: .*encrypted keys must be decrypted' server --port 0 --cert "$dir/rsa1.pem" --key "$dir/locked.key"
result "server with an encrypted key" $?
fails 1 'another kind' server --port 0 --cert "$dir/rsa1.pem" --key "$dir/ed448.key" &&
    fails 1 'another kind' server --port 0 --cert "$dir/rsa1.pem" --key "$dir/p384.key"
result "server with a key of another kind" $?
fails 1 'cannot be opened' server --port 0 --cert "$dir/none.pem" --key "$dir/server.key"
result "server: file that is not there" $?
fails 2 'need --ca' server --port 0 --cert "$dir/server.pem" --key "$dir/server.key" --require-client-cert
result "server that asks for certificates needs authorities" $?
fails 2 'core or openssl' server --port 0 --cert "$dir/server.pem" --key "$dir/server.key" --provider rot13
result "unknown provider" $?
fails 2 'no such cipher suite' client localhost:1 --ca "$ca" --suite TLS_NULL
result "unknown cipher suite" $?
fails 2 '1 to 32 bytes' client localhost:1 --ca "$ca" --alpn "$(printf 'x%.0s' $(seq 33))"
result "ALPN name of 33 bytes" $?
fails 2 'not HOST:PORT' client localhost --ca "$ca"
result "client without port" $?
fails 2 'is needed' client localhost:1
result "client without authority" $?
fails 1 'refused' client "127.0.0.1:$(free_port)" --ca "$ca"
result "client where nobody listens" $?
run_ours $ours && printf 'not HTTP\r\n\r\n' | client "127.0.0.1:$port" --ca "$ca" | grep -q '^HTTP/1.1 400'
result "no HTTP: 400" $?
run_ours $ours && { head -c 20000 /dev/zero | tr '\0' x | client "127.0.0.1:$port" --ca "$ca"; } | grep -q '^HTTP/1.1 431'
result "request without end: 431" $?
run_ours $ours && printf 'DELETE / HTTP/1.1\r\n\r\n' | client "127.0.0.1:$port" --ca "$ca" | grep -q '^HTTP/1.1 501'
result "other method: 501" $?
finish
