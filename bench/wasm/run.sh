#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Builds the benchmark programs (clang, wasm-ld) and measures them: sizes and time on this host, and instructions on rv32imac
# under QEMU -icount, relative to gcc -O2 on the same machine.
#     bench/wasm/run.sh [FOLDER for what is built, default build/bench-wasm]
set -e
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$root/build/bench-wasm}
mkdir -p "$out"
cd "$here/programs"
WASM="--target=wasm32 -O2 -ffreestanding -fno-vectorize -fno-slp-vectorize"
LINK="--no-entry --strip-all -z stack-size=4096 --initial-memory=65536 --max-memory=65536 --export=__heap_base --export=__data_end"
ALL="fib sieve sha256 matmul_i32 matmul_f32 crc32 statem sort"
suite=
for b in empty $ALL; do
    ${WASM_CC:-clang} $WASM -c -o "$out/$b.o" $b.c
    ${WASM_LD:-wasm-ld} $LINK -o "$out/$b.wasm" "$out/$b.o"
    ${WASM_CC:-clang} $WASM -DSUITE -Drun=run_$b -c -o "$out/s_$b.o" $b.c
    [ $b = empty ] || suite="$suite $out/s_$b.o"
done
${WASM_CC:-clang} $WASM -c -o "$out/suite_main.o" suite_main.c
${WASM_CC:-clang} $WASM -DSUITE -Drun=run_empty -c -o "$out/s_empty.o" empty.c
${WASM_LD:-wasm-ld} $LINK -o "$out/suite.wasm" $suite "$out/s_empty.o" "$out/suite_main.o"

core="$root/core/wasm"
sources="$(find "$core/src" -name '*.c' ! -name '*float*' ! -name interp.c | sort | tr '\n' ' ') $root/core/base/src/err.c"
include="-I$core -I$core/src -I$root/core/base -I$core/tests"
flags="-fno-math-errno -ffp-contract=off -fno-gcse"
cc -std=gnu11 -O2 $flags $include -o "$out/wasm_bench" "$here/bench.c" $sources "$core/src/interp.c" "$core/src/float_native.c"

rounds() { case $1 in fib) echo 20;; sieve) echo 20;; sha256) echo 20;; matmul_i32) echo 20;; matmul_f32) echo 4;; crc32) echo 5;; *) echo 10;; esac; }
echo "== this host"
for b in $ALL suite; do "$out/wasm_bench" "$out/$b.wasm" "$(rounds $b)"; done
"$out/wasm_bench" "$out/suite.wasm" 0

echo "== rv32imac, instructions under QEMU"
RV="riscv64-unknown-elf-gcc -misa-spec=2.2 -march=rv32imac -mabi=ilp32 -mcmodel=medany --specs=picolibc.specs -nostartfiles -T$here/rv32.ld -ffunction-sections -Wl,--gc-sections -Wl,--no-warn-rwx-segments"
qemu() { qemu-system-riscv32 -M virt -m 8M -bios none -nographic -icount shift=0 -monitor none -serial stdio -kernel "$1" < /dev/null; }
total=
for b in $ALL; do
    n=$(rounds $b)
    { echo '#include <stdint.h>'; echo 'static const uint8_t module[] = {'; xxd -i < "$out/$b.wasm"; echo '};'; } > "$out/module.h"
    $RV -O2 -DNATIVE -DROUNDS=$n -o "$out/$b.native.elf" "$here/rv32_main.c" $b.c
    $RV -Os -g -std=gnu11 -DROUNDS=$n -DWB_BOARD_BUILD -I"$out" $include -c -o "$out/main.o" "$here/rv32_main.c"
    for s in $sources "$core/src/softfloat.c"; do $RV -Os -std=gnu11 -DWB_BOARD_BUILD $include -c -o "$out/rv_$(basename "$s").o" "$s"; done
    $RV -O2 -fno-gcse -std=gnu11 -DWB_BOARD_BUILD $include -c -o "$out/rv_interp.c.o" "$core/src/interp.c"
    $RV -o "$out/$b.elf" "$out/main.o" "$out"/rv_*.c.o
    native=$(qemu "$out/$b.native.elf")
    wasm=$(qemu "$out/$b.elf")
    ni=${native##*instructions }
    wi=${wasm##*instructions }
    echo "$b: native$native wasm $wasm"
    echo "$b $wi $ni" | awk '{printf "%-12s %.2f x native\n", $1, $2 / $3}'
    total="$total $wi $ni"
done
echo "$total" | awk '{s = 0; for (i = 1; i < NF; i += 2) s += log($i / $(i + 1)); printf "geometric mean %.2f\n", exp(s / (NF / 2))}'
