#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Certificates and keys that host/pki writes, read by OpenSSL and GnuTLS; and theirs, read by us.
# Usage: certificates.sh WASMBED
. "$(dirname "$0")/lib.sh"
need openssl openssl
need jq jq
make_pki "$dir" > /dev/null || exit 1
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
    [ "$(client "localhost:$port" --ca "$dir/theirs/ca.pem" --send ping)" = ping ]
result "we read an authority, a certificate and a key made by openssl" $?
stop $server_pid


# ---- wasmbed cert, command by command ----

cert() { "$wasmbed" cert "$@" > "$dir/cert.log" 2>&1; }
refuses() { # refuses EXIT_CODE PATTERN ARGUMENTS...
    code=$1
    pattern=$2
    shift 2
    cert "$@"
    [ $? -eq "$code" ] && grep -q -e "$pattern" "$dir/cert.log"
}
mkdir "$dir/c" && cd "$dir/c" || exit 1

cert key --out a.key && [ "$(stat -c %a a.key)" = 600 ] && openssl pkey -in a.key -noout -text | grep -q ED25519
result "cert key writes a private key with mode 600" $?
refuses 1 'there already' key --out a.key
result "cert key does not replace a key unasked" $?
cert key --out a.key --force
result "cert key --force does" $?
refuses 1 'there already' ca --dir "$dir"
result "cert ca does not replace an authority" $?
refuses 1 'a name has 1 to 64 bytes' ca --dir "$dir/c/ca2" --name "$(printf 'x%.0s' $(seq 70))"
result "cert ca refuses a name of 70 bytes" $?

cert csr --key b.key --out b.csr 'device "b"' && openssl req -in b.csr -noout -verify -subject > "$dir/req.log" 2>&1 &&
    grep -q 'verify OK' "$dir/req.log" && grep -q 'CN = device \\"b\\"' "$dir/req.log"
result "openssl verifies a request of ours" $?
cert issue --ca "$dir" --csr b.csr --out b.pem && verify -purpose sslclient b.pem &&
    [ "$(openssl pkey -in b.key -pubout)" = "$(openssl x509 -in b.pem -noout -pubkey)" ]
result "cert issue --csr certifies the request's key and name" $?
openssl req -new -key a.key -subj '/O=Example/CN=their-device' -out theirs.csr 2> /dev/null &&
    cert issue --ca "$dir" --csr theirs.csr --out theirs.pem &&
    openssl x509 -in theirs.pem -noout -subject | grep -q '^subject=CN = their-device$'
result "cert issue takes a request made by openssl" $?
openssl req -in b.csr -outform der -out b.der && printf '\000' | dd of=b.der bs=1 seek=60 conv=notrunc 2> /dev/null &&
    openssl base64 -in b.der > b.b64 &&
    { echo '-----BEGIN CERTIFICATE REQUEST-----'; cat b.b64; echo '-----END CERTIFICATE REQUEST-----'; } > forged.csr &&
    refuses 1 'forged.csr: ' issue --ca "$dir" --csr forged.csr --out forged.pem && [ ! -e forged.pem ]
result "cert issue refuses an altered request" $?
refuses 1 'holds no block CERTIFICATE REQUEST' issue --ca "$dir" --csr a.key --out x.pem
result "cert issue says what is missing in a file" $?
refuses 1 'x.missing: cannot be opened' issue --ca "$dir" --csr x.missing --out x.pem
result "cert issue names the file that is not there" $?
refuses 2 'either --key or --csr' issue --ca "$dir" --out x.pem name
result "cert issue without key and request: usage" $?
refuses 2 'one name, its id' issue --ca "$dir" --key a.key --out x.pem one two
result "cert issue: a device has one name" $?
refuses 2 'names are missing' issue --ca "$dir" --for server --key a.key --out x.pem
result "cert issue: a server has at least one" $?
refuses 2 'server or device' issue --ca "$dir" --for mail --key a.key --out x.pem name
result "cert issue: purpose" $?

cp "$dir/server.pem" s.pem && old=$(openssl x509 -in s.pem -noout -serial) &&
    cert renew --ca "$dir" --days 90 s.pem && [ "$(openssl x509 -in s.pem -noout -serial)" != "$old" ] &&
    openssl x509 -in s.pem -noout -checkend $((89 * 86400)) > /dev/null &&
    ! openssl x509 -in s.pem -noout -checkend $((91 * 86400)) > /dev/null &&
    verify -purpose sslserver -verify_hostname wasmbed-gateway -verify_ip ::1 s.pem &&
    [ "$(openssl x509 -in s.pem -noout -pubkey)" = "$(openssl x509 -in "$dir/server.pem" -noout -pubkey)" ]
result "cert renew keeps key and names, changes serial number and end" $?
refuses 1 "none of this authority's" renew --ca "$dir" "$dir/theirs/server.pem"
result "cert renew refuses another authority's certificate" $?

cert revoke --ca "$dir" b.pem && cert revoke --ca "$dir" theirs.pem &&
    openssl crl -in "$dir/ca-crl.pem" -CAfile "$ca" -noout -text > "$dir/crl.log" 2>&1 && grep -q '^verify OK' "$dir/crl.log" &&
    [ "$(grep -c 'Serial Number' "$dir/crl.log")" = 2 ] &&
    ! verify -crl_check -CRLfile "$dir/ca-crl.pem" b.pem && grep -q 'certificate revoked' "$dir/verify.log" &&
    ! verify -crl_check -CRLfile "$dir/ca-crl.pem" theirs.pem && verify -crl_check -CRLfile "$dir/ca-crl.pem" s.pem
result "cert revoke writes a list that openssl obeys" $?
refuses 1 'on the list already' revoke --ca "$dir" b.pem &&
    refuses 1 "none of this authority's" revoke --ca "$dir" "$dir/theirs/server.pem"
result "cert revoke refuses what is revoked already, or another authority's" $?

[ "$("$wasmbed" cert show -o json "$dir/server.pem" | jq -r '.[0] | "\(.subject) \(.names | join(" ")) \(.isCA)"')" = \
    'CN=localhost localhost wasmbed-gateway 127.0.0.1 ::1 false' ] &&
    [ "$("$wasmbed" cert show -o json "$dir/server.pem" | jq -r '.[0].sha256')" = \
        "$(openssl x509 -in "$dir/server.pem" -outform der | sha256sum | cut -d' ' -f1)" ]
result "cert show -o json says what openssl says" $?
cat "$dir/server.pem" "$ca" > chain.pem && [ "$("$wasmbed" cert show -o json chain.pem | jq length)" = 2 ] &&
    cert show chain.pem && grep -q 'certificate of an authority' "$dir/cert.log"
result "cert show shows every certificate of a file" $?
refuses 1 'holds no block CERTIFICATE' show a.key && refuses 2 'human or json' show -o xml chain.pem
result "cert show refuses other files and formats" $?

cert verify --ca "$ca" --name 127.0.0.1 "$dir/server.pem" && cert verify --ca "$ca" --for device "$dir/device.pem"
result "cert verify accepts what it should" $?
refuses 1 "server's name" verify --ca "$ca" --name other "$dir/server.pem" &&
    refuses 1 'not for servers' verify --ca "$ca" "$dir/device.pem" &&
    refuses 1 'not valid' verify --ca "$dir/theirs/ca.pem" "$dir/server.pem" &&
    refuses 1 'expired' verify --ca "$ca" --at 4000000000 "$dir/server.pem" &&
    refuses 1 'not valid' verify --ca "$ca" --at 1000000000 "$dir/server.pem"
result "cert verify refuses other names, purposes, authorities and times" $?
[ "$("$wasmbed" cert verify --ca "$ca" "$dir/device.pem" -o json | jq -c '[.valid, (.reason | length > 0)]')" = '[false,true]' ]
result "cert verify -o json gives the reason" $?
finish
