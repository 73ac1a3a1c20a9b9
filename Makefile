# SPDX-License-Identifier: AGPL-3.0-only
# A thin front: every line calls a preset, a ctest label or a script. `make help` explains.
STATE ?= build/run
BOARDS := hifive1 cortex-m
JOBS ?= $(shell nproc)

.PHONY: all setup host firmware run stop status test quick fuzz bench kubectl tidy lint clean help $(BOARDS)

all: host firmware ## build the Linux programs, the firmware of all boards and the example applications

help: ## this text
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: STATE=dir (default build/run), DETACH=1 (run in the background)"

setup: ## install the Debian packages that are needed (scripts/setup.sh)
	@scripts/setup.sh

build/host/build.ninja:
	@cmake --preset host > build-host.log 2>&1 || { cat build-host.log; rm -f build-host.log; exit 1; }; rm -f build-host.log

host: setup build/host/build.ninja ## build the Linux programs: build/host/bin/wasmbed
	@cmake --build --preset host -j $(JOBS)

firmware: setup $(BOARDS) ## build build/<board>/firmware.elf for every board

$(BOARDS):
	@[ -f build/$@/build.ninja ] || cmake --preset $@ > /dev/null
	@cmake --build --preset $@ -j $(JOBS)

run: all ## start the platform and four devices, deploy the examples, show them live (Ctrl-C stops)
	@build/host/bin/wasmbed up --state "$(STATE)" $(if $(DETACH),--detach)

stop: ## stop what `make run` started
	@build/host/bin/wasmbed down --state "$(STATE)"

status: ## show what runs
	@build/host/bin/wasmbed status --state "$(STATE)"

test: all ## build everything and run all tests (sanitizers on)
	@[ -f build/asan/build.ninja ] || cmake --preset asan > /dev/null
	@cmake --build --preset asan -j $(JOBS)
	@ctest --preset asan

quick: setup ## unit tests only
	@[ -f build/asan/build.ninja ] || cmake --preset asan > /dev/null
	@cmake --build --preset asan -j $(JOBS)
	@ctest --preset asan -LE e2e

TIME ?= 60
fuzz: setup ## run every fuzz target for TIME seconds each (default 60)
	@[ -f build/fuzz/build.ninja ] || cmake --preset fuzz > /dev/null
	@cmake --build --preset fuzz -j $(JOBS)
	@fuzz/run.sh build/fuzz/fuzz $(TIME)

bench: all ## print sizes, memory and times (bench/README.md)
	@bench/run.sh

kubectl: ## build kubectl from published Go modules into build/tools (tests use it where none is installed)
	@tests/kube/build-kubectl.sh build/tools

tidy: setup ## format, SPDX lines, shellcheck, dead links
	@scripts/tidy.sh

lint: host ## clang-tidy over the Linux programs (two minutes)
	@scripts/lint.sh

clean: ## remove build/
	rm -rf build
