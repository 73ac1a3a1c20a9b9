#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-only
# `wasmbed wasm run`, `info`, `profile` and `spec` on small modules: results, traps, limits, bad input.
source "$(dirname "$0")/lib.sh"
if ! command -v wat2wasm > /dev/null; then
    echo "1..0 # SKIP wat2wasm is missing (package wabt)"
    exit 77
fi
wat() { # NAME: module text from standard input
    cat > "$work/$1.wat"
    wat2wasm --debug-names --enable-tail-call --enable-extended-const "$work/$1.wat" -o "$work/$1.wasm" ||
        exit 1
}

wat calc << 'END'
(module
  (memory (export "memory") 1 2)
  (global $g (mut i32) (i32.const 7))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "pair") (param i64) (result i64 f64)
    (i64.add (local.get 0) (i64.const 1)) (f64.convert_i64_s (local.get 0)))
  (func (export "half") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 0.5)))
  (func $inner (param i32) (result i32) (i32.div_s (i32.const 100) (local.get 0)))
  (func $outer (export "div") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 0)))
  (func (export "peek") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "spin") (loop (br 0)))
  (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
  (func (export "refs") (result externref funcref) (ref.null extern) (ref.null func))
  (func (export "nothing")))
END
# What the translator once got wrong.
wat edge << 'END'
(module
  (func (export "rotr") (param i32) (result i32) (i32.rotr (local.get 0) (i32.const 0x80000000)))
  (func (export "above") (param i32) (result i32) (i32.gt_u (local.get 0) (i32.const 0x7fffffff)))
  (func (export "below") (param i32) (result i32) (i32.le_u (local.get 0) (i32.const 0x7fffffff)))
  (memory 1)
  (func $five (param i32) (result i32) (i32.const 5))
  (func (export "sum") (result i32)
    (i32.store (i32.const 4) (i32.const -1))
    (i32.store8 (i32.add (i32.add (call $five (i32.const 0)) (i32.const -4)) (call $five (i32.const 1)))
      (i32.const 0))
    (i32.load (i32.const 4)))
  (func (export "sum_kept") (param i32) (result i32)
    (i32.store8 (i32.add (i32.and (local.get 0) (i32.const 127)) (i32.and (local.get 0) (i32.const 1)))
      (i32.const 81))
    (i32.load8_u (i32.const 4))))
END

claim "results: one a line, as wasm-interp writes them" 0 '^i32:3$' wasm run --invoke add "$work/calc.wasm" 1 2
claim "negative arguments wrap" 0 '^i32:4294967295$' wasm run --invoke add "$work/calc.wasm" -1 0x0
claim "several results" 0 '^i64:0$' wasm run --invoke pair "$work/calc.wasm" -1
also "… the second" '^f64:-1$'
claim "floats" 0 '^f32:0\.75$' wasm run --invoke half "$work/calc.wasm" 1.5
claim "NaN keeps its payload's name" 0 '^f32:nan:0x' wasm run --invoke half "$work/calc.wasm" nan
claim "references" 0 '^externref:null$' wasm run --invoke refs "$work/calc.wasm"
claim "no result, no output" 0 '' wasm run --invoke nothing "$work/calc.wasm"
claim "rotr by -2^31" 0 '^i32:5$' wasm run --invoke rotr "$work/edge.wasm" 5
claim "a constant stored at a sum of two calls" 0 '^i32:4278255615$' wasm run --invoke sum "$work/edge.wasm"
claim "a small constant stored at a sum" 0 '^i32:81$' wasm run --invoke sum_kept "$work/edge.wasm" 3
claim "x > 2^31 - 1, unsigned" 0 '^i32:1$' wasm run --invoke above "$work/edge.wasm" -1
claim "x <= 2^31 - 1, unsigned" 0 '^i32:0$' wasm run --invoke below "$work/edge.wasm" -1

claim "a trap: exit code 134, reason" 134 'trap: integer divide by zero' wasm run --invoke div "$work/calc.wasm" 0
also "… names the function" '#0 inner \(function [0-9]+, offset 0x[0-9a-f]+\)'
also "… and its caller" '#1 outer '
claim "out of bounds: address and size" 134 'address 0xfffffff0, memory has 65536 bytes' wasm run --invoke peek "$work/calc.wasm" -16
claim "not backed is another reason" 134 'memory not backed: 4096 of 65536 bytes; access to address 0x1000' wasm run --memory 4096 --invoke peek "$work/calc.wasm" 4096
claim "endless recursion" 134 'call stack exhausted' wasm run --invoke deep "$work/calc.wasm"
also "… the report is bounded" '^  \.\.\.$'
claim "fuel ends an endless loop" 1 'out of fuel after [0-9]+ words' wasm run --fuel 10000 --invoke spin "$work/calc.wasm"
claim "trace shows calls" 0 '> inner' wasm run --trace --invoke div "$work/calc.wasm" 5
also "… and returns" '< outer'

claim "unknown export" 1 'exports no function "nope"' wasm run --invoke nope "$work/calc.wasm"
claim "too few arguments" 2 'add takes 2 arguments, not 1' wasm run --invoke add "$work/calc.wasm" 1
claim "argument of another type" 2 'argument 2 of add is i32, not: 1.5' wasm run --invoke add "$work/calc.wasm" 1 1.5
claim "no _start: says what to do" 1 'neither _start nor _initialize' wasm run "$work/calc.wasm"
claim "no such file" 1 'cannot read .*none.wasm: No such file' wasm run "$work/none.wasm"
claim "text instead of binary: names the tool" 1 'looks like text: translate it with wat2wasm' wasm run "$work/calc.wat"
claim "an empty file" 1 'is not a WebAssembly module' wasm run /dev/null
head -c 60 "$work/calc.wasm" > "$work/cut.wasm"
claim "a cut file" 1 'cut.wasm: .* at offset 0x' wasm run "$work/cut.wasm"
claim "no file: usage" 2 'missing: FILE' wasm run
claim "bad number" 2 '--fuel takes a number' wasm run --fuel lots "$work/calc.wasm"
claim "bad variable" 2 '--env takes NAME=VALUE, not: nonsense' wasm run --env nonsense "$work/calc.wasm"
claim "unknown board: lists them" 2 'known are: hifive1, cortex-m, posix' wasm run --board toaster "$work/calc.wasm"
wat foreign << 'END'
(module (import "env" "nope" (func (param i32))) (func (export "_start")))
END
claim "unknown import: named" 1 'unknown import: env\.nope; devices offer' wasm run "$work/foreign.wasm"
printf '\0asm\1\0\0\0\1\4\1\140\0\0\3\2\1\0\12\5\1\3\0\152\13' > "$work/invalid.wasm"
claim "invalid code: place and reason" 1 'type mismatch.* in func\[0\] at offset 0x' wasm run "$work/invalid.wasm"
claim "board: says what is missing" 1 'needs [0-9]+ bytes of RAM \(linear memory 65536\), hifive1 has [0-9]+' wasm run --board hifive1 --invoke add "$work/calc.wasm" 1 2
claim "board: a backed prefix fits" 0 '^i32:3$' wasm run --board hifive1 --memory 1024 --invoke add "$work/calc.wasm" 1 2

wat reactor << 'END'
(module
  (import "wasmbed" "timer_set" (func $timer_set (param i32 i32) (result i32)))
  (import "wasmbed" "subscribe" (func $subscribe (param i32 i32) (result i32)))
  (import "wasmbed" "publish" (func $publish (param i32 i32 i32 i32) (result i32)))
  (import "wasmbed" "receive" (func $receive (param i32 i32) (result i32)))
  (import "wasmbed" "log" (func $log (param i32 i32 i32)))
  (import "wasmbed" "arg" (func $arg (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory 1)
  (data (i32.const 0) "topictick")
  (global $n (mut i32) (i32.const 0))
  (func (export "_initialize")
    (drop (call $timer_set (i32.const 0) (i32.const 5)))
    (drop (call $subscribe (i32.const 0) (i32.const 5)))
    (call $log (i32.const 2) (i32.const 64) (call $arg (i32.const 1) (i32.const 64) (i32.const 16))))
  (func (export "on_timer") (param i32)
    (drop (call $publish (i32.const 0) (i32.const 5) (i32.const 5) (i32.const 4))))
  (func (export "on_message") (param i32 i32)
    (drop (call $receive (i32.const 32) (i32.const 16)))
    (call $log (i32.const 1) (i32.const 32) (local.get 1))
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (if (i32.eq (global.get $n) (i32.const 3)) (then (call $exit (i32.const 9))))))
END
claim "reactor: timers, topics as loopback, proc_exit" 9 '^warning: tick$' wasm run "$work/reactor.wasm" word
also "… arguments" '^info: word$'
[ "$(grep -c tick "$work/out")" -eq 3 ]
ok "… three times" $? "$work/out"
claim "reactor: ends when asked to" 0 '' wasm run --for-ms 1 "$work/reactor.wasm" word
claim "host calls in the trace" 9 'host timer_set\(0, 5\) = 0' wasm run --trace "$work/reactor.wasm" word

claim "info: imports with signatures" 0 'wasmbed\.receive \(i32, i32\) -> i32' wasm info "$work/reactor.wasm"
also "… exports" 'function on_message \(i32, i32\) -> \(\)'
also "… boards" '^hifive1 .* with resources.memory'
claim "info: what devices do not offer" 0 'env\.nope .*do not offer' wasm info "$work/foreign.wasm"
wat features << 'END'
(module (memory 1) (table 2 funcref) (global (export "g") (mut i32) (i32.add (i32.const 1) (i32.const 2)))
  (func $t (param i32) (result i32) (return_call $t (local.get 0)))
  (func (param f64) (result i32 i32)
    (i32.extend8_s (i32.const 1)) (i32.trunc_sat_f64_s (local.get 0)))
  (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (drop (table.size 0))))
END
claim "info: features" 0 'sign-extension, saturating-float-to-int, multi-value, bulk-memory, reference-types, extended-const, tail-call, f64' wasm info "$work/features.wasm"
claim "info -o json is JSON" 0 '"fits"' wasm info -o json "$work/calc.wasm"
python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["memory"]["declared"] == 65536 and len(d["boards"]) == 3' "$work/out" 2> "$work/why"
ok "… with the figures" $? "$work/why"
claim "info refuses what does not validate" 1 'type mismatch' wasm info "$work/invalid.wasm"
claim "info: unknown form" 2 'human or json' wasm info -o xml "$work/calc.wasm"

wat hot << 'END'
(module
  (func $cold (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $hot (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (i32.mul (local.get 0) (i32.const 3))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "go") (param i32) (result i32) (call $cold (call $hot (local.get 0)))))
END
claim "profile: the hot function first" 0 '^ +[0-9]+ +9[0-9]\.[0-9]+% +1  hot$' wasm profile --invoke go "$work/hot.wasm" 1000
also "… the others counted exactly" '  cold$'
claim "profile of a run that traps or runs dry" 0 'out of fuel' wasm profile --fuel 500 --invoke go "$work/hot.wasm" 1000
claim "profile by line without lines: offsets" 0 'offset 0x' wasm profile --lines --invoke go "$work/hot.wasm" 10
claim "profile: unknown export" 1 'exports no function' wasm profile --invoke nope "$work/hot.wasm"

cat > "$work/script.wast" << 'END'
(module (func (export "one") (result i32) (i32.const 1)) (func (export "boom") unreachable)
  (func $r (export "r") (result i32) (call $r)))
(register "m")
(assert_return (invoke "one") (i32.const 1))
(assert_trap (invoke "boom") "unreachable")
(assert_exhaustion (invoke "r") "call stack exhausted")
(module (import "m" "one" (func $one (result i32))) (import "spectest" "print_i32" (func (param i32)))
  (func (export "two") (result i32) (i32.add (call $one) (call $one))))
(assert_return (invoke "two") (i32.const 2))
(assert_invalid (module (func (result i32))) "type mismatch")
(assert_unlinkable (module (import "m" "none" (func))) "unknown import")
END
(cd "$work" && wast2json script.wast -o script.json)
claim "spec: all kinds of commands" 0 '^9 passed, 0 failed, 0 skipped$' wasm spec "$work/script.json"
sed 's/"type": "i32", "value": "2"/"type": "i32", "value": "3"/' "$work/script.json" > "$work/wrong.json"
claim "spec: a failure is told with its line" 1 '^FAIL wrong.json:[0-9]+ assert_return: other result' wasm spec "$work/wrong.json"
also "… and counted" '^8 passed, 1 failed, 0 skipped$'
claim "spec: several files" 0 '^18 passed, 0 failed, 0 skipped$' wasm spec "$work/script.json" "$work/script.json"
echo '{"commands": [{"type": "strange", "line": 1}]}' > "$work/strange.json"
claim "spec: an unknown command fails" 1 'unknown command: strange' wasm spec "$work/strange.json"
echo 'no json' > "$work/bad.json"
claim "spec: no script" 1 'is not a script of wast2json' wasm spec "$work/bad.json"
claim "spec: no file" 1 'is not a script' wasm spec "$work/none.json"
finish
