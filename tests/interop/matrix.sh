#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Every suite x group x kind of key x {full, HelloRetryRequest} x {no client certificate, client certificate}, with
# OpenSSL as client of ours and as our server. Kinds of keys: authority, server and client of one kind each, made by
# openssl, in the forms that it writes (PKCS#8, and SEC 1 or PKCS#1 for the client's).
#
#     openssl s_client ----> wasmbed tls server        36 connections a kind of key
#     wasmbed tls client --> openssl s_server          the same
#
# Usage: matrix.sh WASMBED [openssl|core]     crypto provider of ours, default openssl
. "$(dirname "$0")/lib.sh"
need openssl openssl
need python3 python3
provider=${2:-openssl}
suites="TLS_CHACHA20_POLY1305_SHA256 TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256"

make_key() { # make_key KIND FILE
    case $1 in
        ed25519) openssl genpkey -algorithm ed25519 -out "$2" ;;
        p256) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2" ;;
        rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$2" ;;
    esac
}

make_kind() { # make_kind KIND: $dir/KIND/{ca,server,client}.{key,pem}
    mkdir "$dir/$1" && cd "$dir/$1" || return 1
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n' > server.ext
    printf 'extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n' > client.ext
    make_key "$1" ca.key && openssl req -x509 -new -key ca.key -out ca.pem -days 30 -subj "/CN=CA $1" \
        -addext keyUsage=critical,keyCertSign,cRLSign || return 1
    for who in server client; do
        make_key "$1" $who.key && openssl req -new -key $who.key -subj "/CN=$who-$1" -out $who.csr &&
            openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out $who.pem \
                -extfile $who.ext || return 1
    done
    case $1 in # the older forms, too
        p256) openssl ec -in client.key -out old.key && mv old.key client.key ;;
        rsa) openssl rsa -in client.key -traditional -out old.key && mv old.key client.key ;;
    esac
}

# The reply to a request shows what the server saw.
ask_ours() { # ask_ours OPTIONS...
    printf 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n' | timeout 10 openssl s_client -tls1_3 -ign_eof -quiet \
        -connect "127.0.0.1:$port" -CAfile "$dir/$kind/ca.pem" -verify_return_error "$@" > "$dir/page" 2> "$dir/s_client.log"
}

for kind in ed25519 p256 rsa; do
    (make_kind $kind) > "$dir/make.log" 2>&1
    result "openssl makes $kind keys and certificates" $?

    for group in X25519 P-256; do
        ours=$(echo $group | sed s/P-256/secp256r1/)
        other=$([ $group = X25519 ] && echo P-256 || echo X25519)
        run_ours --count 100000 --http --provider "$provider" --cert "$dir/$kind/server.pem" --key "$dir/$kind/server.key" \
            --ca "$dir/$kind/ca.pem" --request-client-cert --group "$ours"
        bad=""
        for suite in $suites; do
            for offer in "$group" "$other:$group"; do
                ask_ours -ciphersuites "$suite" -groups "$offer" && grep -q "^cipher suite:  $suite" "$dir/page" &&
                    grep -q "^key exchange:  $ours" "$dir/page" && grep -q 'no certificate' "$dir/page" ||
                    bad="$bad $suite/$offer/none"
                ask_ours -ciphersuites "$suite" -groups "$offer" -cert "$dir/$kind/client.pem" \
                    -key "$dir/$kind/client.key" && grep -q "^your name:     client-$kind" "$dir/page" ||
                    bad="$bad $suite/$offer/certificate"
            done
        done
        [ -n "$bad" ] && echo "# failed:$bad"
        [ -z "$bad" ]
        result "our server, $kind, $group: 3 suites x {full, HRR} x {without, with client certificate}" $?
        stop "$server_pid"
    done

    for group in X25519 P-256; do
        ours=$(echo $group | sed s/P-256/secp256r1/)
        other=$([ $group = X25519 ] && echo secp256r1 || echo X25519)
        port=$(free_port)
        : > "$dir/s_server.log"
        openssl s_server -accept "127.0.0.1:$port" -tls1_3 -rev -groups $group -CAfile "$dir/$kind/ca.pem" -verify 1 \
            -verify_return_error -cert "$dir/$kind/server.pem" -key "$dir/$kind/server.key" \
            > "$dir/s_server.log" 2>&1 < /dev/null &
        server_pid=$!
        pids="$pids $server_pid"
        wait_for "$dir/s_server.log" '^ACCEPT'
        bad=""
        for suite in $suites; do
            for offer in "--group $ours" "--group $other --group $ours"; do
                for own in "" "--cert $dir/$kind/client.pem --key $dir/$kind/client.key"; do
                    # shellcheck disable=SC2086
                    [ "$(client "localhost:$port" --ca "$dir/$kind/ca.pem" --provider "$provider" --suite "$suite" $offer \
                        $own --send 'abc
')" = cba ] && grep -q "suite=$suite peer=\"server-$kind\".* group=$ours" "$dir/ours.log" ||
                        bad="$bad $suite/$offer/$own"
                done
            done
        done
        [ "$(grep -c "CN = client-$kind" "$dir/s_server.log")" -ge 6 ] || bad="$bad client-certificate"
        [ -n "$bad" ] && echo "# failed:$bad"
        [ -z "$bad" ]
        result "our client, $kind, $group: 3 suites x {full, HRR} x {without, with client certificate}" $?
        stop "$server_pid"
    done
done
finish
