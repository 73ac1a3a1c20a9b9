#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Instructions, stack, RAM and text of a board's TLS client on rv32imac, on QEMU's virt machine. Needs
# riscv64-unknown-elf-gcc with picolibc and qemu-system-riscv32. BUILD= names another build folder; arguments are
# further compiler options.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build/bench-tls}
for tool in riscv64-unknown-elf-gcc qemu-system-riscv32; do
    if ! command -v "$tool" > /dev/null; then
        echo "skipped: $tool is not installed (apt install gcc-riscv64-unknown-elf qemu-system-misc)"
        exit 77
    fi
done
mkdir -p "$build"
cd "$build"
rm -f ./*.o
flags="-std=c11 -Os -misa-spec=2.2 -march=rv32imac -mabi=ilp32 -mcmodel=medany --specs=picolibc.specs
    -ffunction-sections -fdata-sections -fno-common -DWB_BOARD_BUILD -I$root/core/base -I$root/core/crypto
    -I$root/core/crypto/src -I$root/core/crypto/src/field32 -I$root/core/tls -I$root/core/tls/src $*"
link="-nostartfiles -T $root/bench/crypto/virt.ld -Wl,--gc-sections,--no-warn-rwx-segments"
for source in "$root"/core/crypto/src/*.c "$root"/core/crypto/src/field32/*.c "$root"/core/tls/src/*.c \
    "$root"/core/base/src/*.c "$root"/bench/crypto/start.S; do
    name=$(basename "$source")
    # shellcheck disable=SC2086
    riscv64-unknown-elf-gcc $flags -c "$source" -o "${name%.*}.o"
done
# shellcheck disable=SC2086
riscv64-unknown-elf-gcc $flags $link "$root/bench/tls/bench.c" ./*.o -o bench.elf
timeout 300 qemu-system-riscv32 -M virt -icount shift=0 -bios none -nographic -serial mon:stdio \
    -kernel bench.elf < /dev/null | tr -d '\r'

# Text of a program with nothing but the library, less that of an empty one.
size_of() { # functions…
    {
        echo '#include "wb_tls.h"'
        echo '_Noreturn void wb_assert_failed(const char *f, int l, const char *e) {'
        echo '(void)f; (void)l; (void)e; for (;;) { } }'
        echo 'void *volatile sink; void bench_main(void) {'
        for function in "$@"; do
            echo "sink = (void *)$function;"
        done
        echo '}'
    } > size.c
    # shellcheck disable=SC2086
    riscv64-unknown-elf-gcc $flags $link -w size.c ./*.o -o size.elf
    riscv64-unknown-elf-size size.elf | awk 'NR == 2 { print $1 + $2 }'
}
empty=$(size_of)
calls="wb_tls_init wb_tls_feed wb_tls_emit wb_tls_write wb_tls_read wb_tls_read_done wb_tls_next wb_tls_close
    wb_tls_tick wb_tls_due wb_tls_deinit wb_tls_credential_init wb_x509_anchor_init"
report() { # label, objects…
    label=$1
    shift
    # shellcheck disable=SC2086
    echo "text and constants, $label: $(($(size_of $calls "$@") - empty)) B"
}
report "client with X25519, Ed25519, all suites, X.509" "&wb_tls_role_client" "&wb_tls_crypto_small"
report "the same and P-256, RSA verification" "&wb_tls_role_client" "&wb_tls_crypto_core"
report "client and server, everything of core/crypto" "&wb_tls_role_client" "&wb_tls_role_server" \
    "&wb_tls_crypto_core"
