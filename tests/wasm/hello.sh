#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-only
# Unmodified programs of ordinary toolchains under `wasmbed wasm run`: C with wasi-libc, Rust, AssemblyScript.
# A toolchain that is not installed is skipped aloud.
source "$(dirname "$0")/lib.sh"
guests=$top/tests/wasm/guests

# ---- clang and wasi-libc
if ! command -v clang > /dev/null || ! [ -e /usr/lib/wasm32-wasi/libc.a ]; then
    skip "C" "packages clang, lld, wasi-libc and libclang-rt-14-dev-wasm32"
elif ! clang --target=wasm32-wasi -Os -g -o "$work/hello.wasm" "$guests/hello.c" 2> "$work/why"; then
    ok "C: compiles" 1 "$work/why"
else
    echo "typed line" > "$work/in"
    claim "C: printf, arguments, environment, exit code" 5 '^hello board, 2 arguments, 3\.142$' wasm run --env NAME=board "$work/hello.wasm" 5 'a b'
    also "C: an argument with a space" '^\[a b\]$'
    also "C: standard input" '^read <typed line>$'
    also "C: standard error" '^to stderr$'
    claim "C: without arguments" 0 '^hello world, 0 arguments' wasm run "$work/hello.wasm"
    claim "C: on the HiFive1 it says what it needs" 1 'needs [0-9]+ bytes of RAM \(linear memory [0-9]+\), hifive1 has [0-9]+' wasm run --board hifive1 "$work/hello.wasm"
    claim "C: profile by source line" 0 'printf_core' wasm profile --lines "$work/hello.wasm"
    sed 's/return argc > 1/__builtin_trap(); return argc > 1/' "$guests/hello.c" > "$work/trap.c"
    clang --target=wasm32-wasi -O1 -gdwarf-4 -o "$work/trap4.wasm" "$work/trap.c"
    claim "C: a trap names function and line (DWARF 4)" 134 '#0 [a-z_]*main.* at .*trap\.c:[0-9]+$' wasm run "$work/trap4.wasm"
    clang --target=wasm32-wasi -O1 -gdwarf-5 -o "$work/trap5.wasm" "$work/trap.c"
    claim "C: a trap names function and line (DWARF 5)" 134 '#0 [a-z_]*main.* at .*trap\.c:[0-9]+$' wasm run "$work/trap5.wasm"
    : > "$work/in"
fi

# ---- Rust: Debian's compiler with its wasm32 library, else one with the target installed
rustc=
for candidate in /usr/bin/rustc rustc; do
    sysroot=$("$candidate" --print sysroot 2> /dev/null) || continue
    for target in wasm32-wasip1 wasm32-wasi; do
        [ -n "$rustc" ] || [ ! -d "$sysroot/lib/rustlib/$target/lib" ] || rustc="$candidate --target $target"
    done
done
if [ -z "$rustc" ]; then
    skip "Rust" "packages rustc and libstd-rust-dev-wasm32"
elif ! $rustc -O -o "$work/rust.wasm" "$guests/hello.rs" > "$work/why" 2>&1; then
    ok "Rust: compiles" 1 "$work/why"
else
    claim "Rust: collections, formatting, exit code" 3 '^hello from Rust \[\("a", 2\), \("b", 1\)\] 1\.41$' wasm run "$work/rust.wasm" a b a
    claim "Rust: on the HiFive1 it says what it needs" 1 'needs [0-9]+ bytes of (RAM|flash).* hifive1 has [0-9]+' wasm run --board hifive1 "$work/rust.wasm"
fi

# ---- AssemblyScript: asc on the path, named by ASC, or fetched with WB_NPM=1
asc=${ASC:-$(command -v asc)}
if [ -z "$asc" ] && [ -n "${WB_NPM:-}" ] && command -v npm > /dev/null; then
    (cd "$work" && npm install --no-audit --no-fund --silent assemblyscript > "$work/npm.log" 2>&1) &&
        asc=$work/node_modules/.bin/asc
fi
if [ -z "$asc" ]; then
    skip "AssemblyScript" "npm install assemblyscript, then ASC=node_modules/.bin/asc; or WB_NPM=1"
elif ! "$asc" "$guests/hello.ts" -O -o "$work/as.wasm" > "$work/why" 2>&1; then
    ok "AssemblyScript: compiles" 1 "$work/why"
else
    claim "AssemblyScript: recursion" 0 '^i32:610$' wasm run --invoke fib "$work/as.wasm" 15
    claim "AssemblyScript: strings" 0 '^i32:26$' wasm run --invoke text "$work/as.wasm" 12
    claim "AssemblyScript: arrays of floats" 0 '^f64:8\.25$' wasm run --invoke mean "$work/as.wasm" 12
    claim "AssemblyScript: on the HiFive1 with a backed prefix" 0 '^i32:610$' wasm run --board hifive1 --memory 4096 --invoke fib "$work/as.wasm" 15
    claim "AssemblyScript: on the HiFive1 it says what it needs" 1 'needs [0-9]+ bytes of RAM \(linear memory 65536\), hifive1 has [0-9]+; .*--memory' wasm run --board hifive1 --invoke fib "$work/as.wasm" 15
fi
finish
