#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Instructions, stack and text of core/crypto on rv32imac, on QEMU's virt machine. Needs
# riscv64-unknown-elf-gcc with picolibc and qemu-system-riscv32. BUILD= names another build folder;
# arguments are further compiler options, e.g. -O2. First argument --check: compare with budget.txt.
set -eu
check=
if [ "${1:-}" = --check ]; then
    check=1
    shift
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build/bench-crypto}
for tool in riscv64-unknown-elf-gcc qemu-system-riscv32; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed (apt install gcc-riscv64-unknown-elf qemu-system-misc)"
        exit 77
    fi
done
mkdir -p "$build/core"
cd "$build"
rm -f ./*.o core/*.o
flags="-std=c11 -Os -misa-spec=2.2 -march=rv32imac -mabi=ilp32 -mcmodel=medany --specs=picolibc.specs
    -ffunction-sections -fdata-sections -fno-common -DWB_BOARD_BUILD
    -I$root/core/base -I$root/core/crypto -I$root/core/crypto/src
    -I$root/core/crypto/src/field32 -I$root/core/crypto/tests $*"
compile() { # source, object
    # shellcheck disable=SC2086
    riscv64-unknown-elf-gcc $flags -c "$1" -o "$2"
}
link() { # object, output
    # shellcheck disable=SC2086
    riscv64-unknown-elf-gcc $flags -nostartfiles -T "$root/bench/crypto/virt.ld" -Wl,--gc-sections \
        -Wl,--no-warn-rwx-segments start.o "$1" core/*.o -o "$2"
}
for source in "$root"/core/crypto/src/*.c "$root"/core/crypto/src/field32/*.c \
    "$root"/core/base/src/memory.c "$root"/core/base/src/cursor.c; do
    compile "$source" "core/$(basename "$source" .c).o"
done
compile "$root/bench/crypto/start.S" start.o
compile "$root/bench/crypto/bench.c" bench.o
link bench.o bench.elf

# A compiler may turn arithmetic on secrets into a division, whose time depends on its operands.
for object in mlkem montgomery p256_field p256_point scalar field field32 product; do
    if riscv64-unknown-elf-objdump -d "core/$object.o" | grep -E '\b(div|divu|rem|remu)\b'; then
        echo "division in $object.c, on secrets perhaps"
        exit 1
    fi
done

report() {
    timeout 300 qemu-system-riscv32 -M virt -icount shift=0 -bios none -nographic \
        -serial mon:stdio -kernel bench.elf </dev/null | tr -d '\r'

    # Text of a program that calls nothing but the primitive, less that of an empty one.
    size_of() { # functions…
        {
            echo '#include "wb_crypto.h"'
            echo '_Noreturn void wb_assert_failed(const char *f, int l, const char *e) {'
            echo '(void)f; (void)l; (void)e; for (;;) { } }'
            echo 'void *volatile sink; void bench_main(void) {'
            for function in "$@"; do
                echo "sink = (void *)$function;"
            done
            echo '}'
        } >size.c
        compile size.c size.o 2>/dev/null
        link size.o size.elf
        riscv64-unknown-elf-size size.elf | awk 'NR == 2 { print $1 + $2 }'
    }
    empty=$(size_of)
    show() { # label, functions…
        label=$1
        shift
        bytes=$(size_of "$@") # on its own, so that a failure ends the script
        printf '%-44s %6d\n' "$label" $((bytes - empty))
    }
    curves25519="wb_x25519 wb_x25519_public_key wb_ed25519_verify wb_ed25519_sign wb_ed25519_public_key
        wb_hkdf_expand wb_hkdf_extract"
    # shellcheck disable=SC2086
    beside_empty=$(size_of $curves25519)
    beside() { # label, functions…: what they add to a program with the curves of 25519 and HKDF
        label=$1
        shift
        # shellcheck disable=SC2086
        bytes=$(size_of $curves25519 "$@")
        printf '%-44s %6d\n' "$label" $((bytes - beside_empty))
    }
    echo
    echo "text and constants, by what is linked         bytes"
    show "SHA-256" wb_sha256_init wb_sha256_update wb_sha256_final
    show "hashes, HMAC, HKDF" wb_hash_once wb_hkdf_extract wb_hkdf_expand
    show "X25519 shared secret" wb_x25519
    show "X25519" wb_x25519 wb_x25519_public_key
    show "Ed25519 verify" wb_ed25519_verify
    show "Ed25519" wb_ed25519_verify wb_ed25519_sign wb_ed25519_public_key
    show "X25519, Ed25519" wb_x25519 wb_x25519_public_key wb_ed25519_verify wb_ed25519_sign \
        wb_ed25519_public_key
    show "P-256 verify, DER" wb_p256_verify wb_p256_signature_decode
    show "P-256 ECDH, public key" wb_p256_ecdh wb_p256_public_key wb_p256_private_key
    show "P-256 without hashes" wb_p256_verify wb_p256_signature_decode wb_p256_ecdh \
        wb_p256_public_key wb_p256_private_key wb_p256_signature_encode
    beside "P-256 beside X25519, Ed25519" wb_p256_verify wb_p256_signature_decode wb_p256_ecdh \
        wb_p256_public_key wb_p256_private_key wb_p256_sign wb_p256_signature_encode
    beside "RSA verify beside X25519, Ed25519" wb_rsa_verify_pkcs1 wb_rsa_verify_pss
    show "ML-KEM-768" wb_mlkem768_public_key wb_mlkem768_encaps wb_mlkem768_decaps
    show "AES-GCM, ChaCha20-Poly1305" wb_aead_encrypt wb_aead_decrypt
    show "all" wb_x25519 wb_x25519_public_key wb_ed25519_verify wb_ed25519_sign wb_ed25519_public_key \
        wb_aead_encrypt wb_aead_decrypt wb_hash_once wb_hkdf_extract wb_hkdf_expand wb_drbg_init \
        wb_drbg_generate wb_sha256_init
}
report >report.txt
cat report.txt
[ -n "$check" ] || exit 0
awk -F ' *[|] *' '
    /VARIES WITH ITS SECRET/ { bad = 1 }
    NR == FNR { if ($0 !~ /^#/) { insn[$1] = $2; stack[$1] = $3 } next }
    { # a report line: the name, then one number (text) or two
        for (name in insn) {
            if (index($0, name "  ") == 1 && (rest = substr($0, length(name) + 1)) ~ /^[ 0-9]+$/) {
                split(rest, value, " ")
                seen[name] = 1
                if (value[1] + 0 > insn[name] + 0 || (stack[name] != "" && value[2] + 0 > stack[name] + 0)) {
                    print "over budget: " $0 "   (" insn[name] " " stack[name] ")"
                    bad = 1
                }
            }
        }
    }
    END {
        for (name in insn) {
            if (!(name in seen)) { print "not measured: " name; bad = 1 }
        }
        if (!bad) { print "within budget" }
        exit bad
    }' "$root/bench/crypto/budget.txt" report.txt
