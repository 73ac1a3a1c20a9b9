#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Certificates and keys that host/pki writes, read by OpenSSL and GnuTLS; and theirs, read by us.
# Usage: certificates.sh TLS_TOOL
. "$(dirname "$0")/lib.sh"
need openssl openssl
"$tool" pki "$dir" || exit 1
ca="$dir/ca-cert.pem"
verify() { openssl verify -x509_strict -check_ss_sig -CAfile "$ca" "$@" > "$dir/verify.log" 2>&1; }

verify "$ca"
result "openssl verify -x509_strict accepts the authority" $?
verify -purpose sslserver -verify_hostname wasmbed-gateway "$dir/server.pem" &&
    verify -purpose sslserver -verify_ip 127.0.0.1 "$dir/server.pem" &&
    verify -purpose sslserver -verify_ip ::1 "$dir/server.pem"
result "openssl verify accepts the server certificate for its names" $?
! verify -purpose sslserver -verify_hostname other "$dir/server.pem" && ! verify -purpose sslclient "$dir/server.pem"
result "openssl verify refuses it for others and as client" $?
verify -purpose sslclient "$dir/device.pem" && ! verify -purpose sslserver "$dir/device.pem"
result "openssl verify accepts the device certificate for clients only" $?

openssl x509 -in "$dir/device.pem" -noout -text > "$dir/text.log" 2>&1 && grep -q 'Subject: CN = device-1' "$dir/text.log" &&
    grep -q 'Issuer: CN = Wasmbed CA' "$dir/text.log" && grep -q 'TLS Web Client Authentication' "$dir/text.log" &&
    grep -q 'CA:FALSE' "$dir/text.log"
result "openssl x509 -text shows what was asked for" $?
for name in server device; do
    len=$(openssl x509 -in "$dir/$name.pem" -outform der | wc -c)
    [ "$len" -le 448 ]
    result "$name certificate has $len bytes, at most 448" $?
done

[ "$(openssl pkey -in "$dir/device.key" -pubout)" = "$(openssl x509 -in "$dir/device.pem" -noout -pubkey)" ]
result "openssl reads the private key, and it fits" $?
openssl asn1parse -in "$dir/server.pem" -strictpem > "$dir/asn1.log" 2>&1
result "openssl reads the PEM strictly" $?

if command -v certtool > /dev/null; then
    certtool --verify --load-ca-certificate "$ca" --infile "$dir/server.pem" > "$dir/certtool.log" 2>&1 &&
        certtool --certificate-info --infile "$dir/ca-cert.pem" >> "$dir/certtool.log" 2>&1 &&
        certtool --key-info --infile "$dir/server.key" >> "$dir/certtool.log" 2>&1
    result "certtool (GnuTLS) verifies and reads them" $?
fi

# The other way round: an authority, keys and certificates made by openssl.
mkdir "$dir/theirs"
(
    cd "$dir/theirs" || exit 1
    openssl genpkey -algorithm ed25519 -out ca.key &&
        openssl req -x509 -new -key ca.key -out ca.pem -days 30 -subj '/C=IT/O=Example/CN=Their CA' \
            -addext keyUsage=critical,keyCertSign,cRLSign &&
        openssl genpkey -algorithm ed25519 -out server.key &&
        openssl req -new -key server.key -out server.csr -subj '/O=Example/CN=localhost' &&
        printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n' > ext &&
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out server.pem -extfile ext
) > "$dir/theirs.log" 2>&1
run_ours --cert "$dir/theirs/server.pem" --key "$dir/theirs/server.key" &&
    [ "$(client "127.0.0.1:$port" --ca "$dir/theirs/ca.pem" --send ping)" = ping ]
result "we read an authority, a certificate and a key made by openssl" $?
stop $server_pid

if command -v curl > /dev/null; then
    run_ours --cert "$dir/server.pem" --key "$dir/server.key" --http &&
        [ "$(curl -sS --max-time 10 --cacert "$ca" "https://localhost:$port/" 2> "$dir/curl.log")" = hello ]
    result "curl fetches a page from our server" $?
    stop $server_pid
fi
finish
