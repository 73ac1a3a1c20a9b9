#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Builds the stock kubectl from its published Go module, for machines that have Go but no kubectl.
# Usage: tests/kube/build-kubectl.sh OUTDIR      (about two minutes the first time, then cached)
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/kubectl"
version=$(sed -n 's|.*k8s.io/kubectl v0\.||p' go.mod | head -n 1)
[ -x "$out/kubectl" ] && exit 0
command -v go >/dev/null || { echo "build-kubectl: needs the go command (1.26 or newer)" >&2; exit 1; }
CGO_ENABLED=0 go build -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v1.$version \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${version%%.*}" \
    -o "$out/kubectl" .
"$out/kubectl" version --client
