#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Instructions and idle memory of a host's TLS server (AES-256-GCM, X25519, mutual Ed25519): ours over both crypto
# providers and libssl, on the same keys in the same program, counted by callgrind inside the server's calls only;
# each figure is the difference of two run lengths. Callgrind's CPU has no AVX-512, VAES or SHA extensions: compare
# the columns, not the figures, with other machines. glibc is told not to copy by "rep movsb", which callgrind counts as
# one instruction a byte. libssl sends no tickets in full handshakes and releases its buffers here; its
# figures include copying through a memory BIO.
# Needs libssl-dev and valgrind. BUILD= names another build folder.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build/bench-tls-host}
if ! command -v valgrind > /dev/null; then
    echo "skipped: valgrind is not installed (apt install valgrind)"
    exit 77
fi
mkdir -p "$build"
cd "$build"
# shellcheck disable=SC2046
cc -std=c11 -O2 -g -D_GNU_SOURCE $(printf -- '-I%s ' "$root"/core/base "$root"/core/crypto "$root"/core/crypto/src \
    "$root"/core/crypto/src/field64 "$root"/core/tls "$root"/core/tls/src "$root"/host/libcrypto) \
    "$root"/core/base/src/*.c "$root"/core/crypto/src/*.c "$root"/core/crypto/src/field64/*.c "$root"/core/tls/src/*.c \
    "$root"/host/libcrypto/src/*.c "$root/bench/tls/host.c" -o host -lssl -lcrypto -lpthread

total() { # total SIDE WORK COUNT
    GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1000000 valgrind --tool=callgrind --callgrind-out-file=out --collect-atstart=no --toggle-collect=measured \
        ./host "$@" 2>&1 | sed -n 's/.*Collected : //p' | tr -d ' '
}
per() { # per SIDE WORK LESS MORE
    echo $((($(total "$1" "$2" "$4") - $(total "$1" "$2" "$3")) / ($4 - $3)))
}
printf '%-26s %12s %12s %12s %12s\n' "server, instructions" core openssl libssl target
line() { # line TEXT WORK LESS MORE TARGET
    printf '%-26s %12s %12s %12s %12s\n' "$1" "$(per core "$2" "$3" "$4")" "$(per openssl "$2" "$3" "$4")" \
        "$(per libssl "$2" "$3" "$4")" "$5"
}
line "full mutual handshake" handshake 2 6 5600000
line "resumption, a new ticket" resume 2 6 1600000
line "64 B record, write" write64 10 110 4500
line "64 B record, read" read64 10 110 4500
line "16 KB record, write" write16k 5 25 47000
line "16 KB record, read" read16k 5 25 47000
printf '%-26s %12s %12s %12s %12s\n' "idle connection, bytes" "$(./host core memory 200)" \
    "$(./host openssl memory 200)" "$(./host libssl memory 200)" 1024
