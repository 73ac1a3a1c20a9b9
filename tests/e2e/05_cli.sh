#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-only
# The command line alone: every command explains itself and refuses nonsense, without anything running.
source "$(dirname "$0")/lib.sh"
e2e_begin "the command line"

claim "--help lists the commands" bash -c "'$wasmbed' --help | grep -q '  up '"
claim "no command: usage, exit code 2" bash -c "'$wasmbed' 2> /dev/null; [ \$? = 2 ]"
claim "unknown command: exit code 2" bash -c "'$wasmbed' nonsense 2>&1 | grep -q 'unknown command'; '$wasmbed' nonsense 2> /dev/null; [ \$? = 2 ]"
claim "version" bash -c "'$wasmbed' version | grep -qE '^wasmbed [0-9]+\.[0-9]+\.[0-9]+$'"
mapfile -t commands < <("$wasmbed" --help | sed -n 's/^  \([a-z]* \{0,1\}[a-z]*\) .*/\1/p' | sed 's/ *$//')
for command in "${commands[@]}"; do
    claim "$command --help" bash -c "'$wasmbed' $command --help | grep -q '^Usage: wasmbed $command'"
    claim "$command --nonsense: exit code 2 and a hint" bash -c \
        "'$wasmbed' $command --nonsense 2> '$base/err'; [ \$? = 2 ] && grep -q 'help' '$base/err'"
done
claim "status without a platform: one clear line, exit code 1" bash -c \
    "cd '$base' && HOME=/nonexistent KUBECONFIG= '$wasmbed' status --state '$base/none' 2> err; [ \$? = 1 ] && [ \$(wc -l < err) = 1 ]"
claim "logs without a platform says how to start it" bash -c \
    "'$wasmbed' logs --state '$base/none' 2>&1 | grep -q 'wasmbed up'"
claim "down without a platform: nothing to do" bash -c "'$wasmbed' down --state '$base/none' | grep -q 'nothing runs'"
claim "up refuses unknown devices" bash -c "! '$wasmbed' up --state '$base/x' --devices toaster=1 2>&1 | grep -q ok"
claim "sign: a missing module is named" bash -c "'$wasmbed' sign '$build/apps/hello.yaml' '$base/none.wasm' 2>&1 | grep -q none.wasm"
claim "sign: a file that is no module is refused" bash -c "echo text > '$base/t.wasm'; '$wasmbed' sign '$build/apps/hello.yaml' '$base/t.wasm' 2>&1 | grep -q 'not a WebAssembly module'"
claim "board: a missing firmware is named" bash -c "'$wasmbed' board --type hifive1 --firmware '$base/none.elf' --flash '$base/f.bin' 2>&1 | grep -q none.elf"
claim "device: an unprovisioned flash says so" bash -c "'$wasmbed' device --flash '$base/absent.bin' 2>&1 | grep -qi 'absent.bin\|provision'"
e2e_end
