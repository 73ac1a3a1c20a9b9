#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Installs what building, running and testing Wasmbed needs, by Debian package name (Debian 12).
# Usage: scripts/setup.sh [--check]     --check installs nothing: exits 1 and names what is missing
set -eu

packages="
cmake ninja-build pkg-config gcc libc6-dev make git ca-certificates
libuv1-dev libmicrohttpd-dev libcurl4-openssl-dev libjansson-dev libyaml-dev libsqlite3-dev
libcmocka-dev libssl-dev libgnutls28-dev valgrind
qemu-system-misc qemu-system-arm
gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf gcc-arm-none-eabi picolibc-arm-none-eabi
clang lld llvm clang-format clang-tidy libclang-rt-14-dev wabt wasi-libc libclang-rt-14-dev-wasm32
openssl gnutls-bin iproute2 util-linux curl jq shellcheck python3 python3-yaml
"

missing=""
for package in $packages; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done

if [ -z "$missing" ]; then
    echo "setup: all packages are installed"
    exit 0
fi
if [ "${1:-}" = "--check" ]; then
    echo "setup: missing packages:$missing" >&2
    echo "setup: run scripts/setup.sh as root, or: apt-get install$missing" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null; then
        exec sudo "$0" "$@"
    fi
    echo "setup: missing packages:$missing" >&2
    echo "setup: run this as root: apt-get update && apt-get install$missing" >&2
    exit 1
fi
echo "setup: installing$missing"
apt-get update -q
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
