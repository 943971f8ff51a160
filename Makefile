# walisup: see README.md. The targets that people use:
#
#   make build   bin/walisup, bin/walisup-helper, bin/walisup-oci, bin/walicc and its tools
#   make layers  bin/layers, what can be put between a module and the system calls
#   make demo    from a fresh machine to Lua, SQLite and bash under walisup
#   make test    everything that must hold: lint, unit and integration tests
#   make lint, unit, integration   each of them; staticcheck and race find more
#   make user-test   as root: unit and integration tests as an ordinary user
#   make bench   walisup against native
#   make install the programs, the C library, manual pages and completions, into PREFIX
#   make deb     two Debian packages; make deb-test tries them on a new system, as root
#   make clean   remove what was built; distclean also what was downloaded
#   make help    this list; docs/CONTRIBUTING.md has the others

GO ?= go
export CGO_ENABLED = 0
# The release whose inside the helper relies on, see helper/vetted. Any newer go command
# fetches it as it does modules.
export GOTOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.mod)

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Without -buildvcs=false a binary changes with every commit, and with walicc
# all ports would be built again.
BUILD := $(GO) build -trimpath -buildvcs=false
# The entry points run before the Go runtime, see ipc/stagezero.
VERSION_LDFLAGS := -s -w -X=walisup/cmd/internal/version.commit=$(VERSION)
CLI_LDFLAGS := $(VERSION_LDFLAGS) -E=walisup_cli_entry
# checklinkname: cmd/walisup-helper changes a table of the runtime before it starts.
HELPER_LDFLAGS := -s -w -checklinkname=0 -E=walisup_helper_start

WALICC_TOOLS := ld ar ranlib nm strip
# What make test builds and runs; make ports-test does the same with every port.
PORTS := lua5.4 sqlite3 dash bash busybox redis

.PHONY: all help numbers build layers demo test user-test man cli-doc install uninstall deb bench yardsticks soak chaos stress kernel-test seccomp-test native-test lint staticcheck unit unit-of-user race integration deps container-deps sysroot sysroot-cxx ports ports-list ports-test ports-clean clean distclean go-version
all: build

help:
	@sed -n 's/^#  \{1,2\} make/make/p' Makefile

build: go-version
	$(BUILD) -ldflags='$(CLI_LDFLAGS)' -o bin/walisup ./cmd/walisup
	@# The engine is built with our patches, see helper/engine/wazero/patch.sh.
	helper/engine/wazero/patch.sh >/dev/null && $(BUILD) -modfile=.cache/go.mod \
		-ldflags='$(HELPER_LDFLAGS)' -o bin/walisup-helper ./cmd/walisup-helper
	$(BUILD) -ldflags='-s -w' -o bin/walicc ./cmd/walicc
	$(BUILD) -ldflags='$(VERSION_LDFLAGS)' -o bin/walisup-oci ./cmd/walisup-oci
	@for tool in $(WALICC_TOOLS); do ln -sf walicc bin/walicc-$$tool || exit 1; done; ln -sf walicc bin/walicc++

# Says what is missing before the compiler says it in its own way.
go-version:
	@command -v $(GO) >/dev/null || { \
		echo "make: Go is not installed; walisup needs go$(GO_NEEDED) or newer, see https://go.dev/doc/install" >&2; exit 1; }
	@have=$$($(GO) env GOVERSION | sed 's/^go//'); \
	first=$$(printf '%s\n' "$(GO_NEEDED)" "$$have" | sort -V | head -n 1); \
	[ "$$first" = "$(GO_NEEDED)" ] || { \
		echo "make: Go $$have is too old; walisup needs go$(GO_NEEDED) or newer, see https://go.dev/doc/install" >&2; exit 1; }
GO_NEEDED := $(shell sed -n 's/^go //p' go.mod)

# The Debian packages that the toolchain and the ports need.
deps:
	@integration/ports/deps.sh

# The container engines that the integration tests drive. Installs only as root.
container-deps:
	@integration/containers/deps.sh

sysroot: deps
	wali/libc/build.sh

# The C++ library, for walicc++; takes minutes.
sysroot-cxx: deps
	wali/libc/build-cxx.sh

# Modules in C, see docs/layers.md.
LAYERS := $(patsubst wali/layers/%.c,bin/layers/%.wasm,$(wildcard wali/layers/*.c))
layers: build sysroot
	@$(MAKE) --no-print-directory $(LAYERS)

bin/layers/%.wasm: wali/layers/%.c bin/walicc .cache/sysroot/stamp
	@mkdir -p bin/layers
	bin/walicc --layer -O2 -Wall -Wextra -Wno-unused-parameter -o $@ $<

ports: build sysroot
	integration/ports/port.sh build $(PORTS)

ports-list:
	@integration/ports/port.sh list

port-%: build sysroot
	integration/ports/port.sh build $*

# Builds a port if need be, and runs it: make run-lua5.4 ARGS="-e 'print(1)'"; of several
# programs, one: make run-openssh PROGRAM=ssh-keygen ARGS="-t ed25519 -f key". FLAGS are
# walisup's: make run-zsh FLAGS=--native-exec.
run-%: build sysroot
	@FLAGS="$(FLAGS)" integration/ports/port.sh run $*$(if $(PROGRAM),/$(PROGRAM)) $(ARGS)

ports-test: build sysroot
	wali/libc/build-cxx.sh
	integration/ports/port.sh build-all
	WALISUP_TEST_REQUIRE=1 WALISUP_TEST_PORTS=1 $(GO) test -count=1 -timeout=60m -run='$(PORT_TESTS)' ./integration
PORT_TESTS ?= ^TestPort|^TestRedis|^TestSQLite|^TestLua|Shell

ports-clean:
	integration/ports/port.sh clean

demo: ports
	@integration/demo.sh

test: lint unit integration

# What root has built is not built again.
user-test: ports
	integration/as-user.sh $(USER_TARGETS)
USER_TARGETS ?= unit integration

lint: go-version
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard -- '*.go')); \
	[ -z "$$unformatted" ] || { echo "not formatted by gofmt:" $$unformatted >&2; exit 1; }
	$(GO) vet ./...
	$(GO) run ./wali/tablegen -check
	@for script in $$(git ls-files --cached --others --exclude-standard -- '*.sh' ':!integration/testdata') .ci/run; do sh -n $$script || exit 1; done

# Not part of test: it is fetched, and knows a new Go release only weeks later. What assembly
# uses is unused to U1000, and "C++" a capital letter to ST1005.
staticcheck: go-version
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 -checks=inherit,-U1000,-ST1005 ./...

# With the patched engine, as the helper has it. Plain go test works too: what is about
# the patches is skipped then. checklinkname: see helper/mlist.
unit: build
	$(call unit-tests,integration)

# Those that may end otherwise for another user: not what the engine does with a module, which
# takes longest.
unit-of-user: build
	$(call unit-tests,integration|helper/engine|helper/module)

unit-tests = $(GO) test -ldflags=-checklinkname=0 -modfile=.cache/go.mod $$($(GO) list ./... | grep -vE '^walisup/($1)')

# What the race detector can see: it does not survive forks, raw handlers and threads
# that Go has not made, nor atomic operations between entersyscall and exitsyscall, where
# there is no P. So the packages that are about these are left out. Needs a C compiler, as
# the detector does.
race: go-version
	CGO_ENABLED=1 $(GO) test -race $$($(GO) list ./ipc/... | grep -v ipc/sandbox) ./supervisor/... ./cmd/walisup/... \
		./helper/engine/wazero ./helper/module ./wali/memory ./wali/safecopy ./wali/tablegen ./wali/trace

# -count=1: what these tests run, the binaries and the modules, is unknown to the
# cache of test results.
integration: ports layers container-deps
	WALISUP_TEST_REQUIRE=1 $(GO) test -count=1 -timeout=30m ./integration/...

# The integration tests with all modules under the default seccomp profile, but where a test
# says otherwise: what the profile forgets shows here. TESTS selects, as go test -run does.
TESTS ?= .
seccomp-test: ports layers container-deps
	WALISUP_TEST_SECCOMP=default WALISUP_TEST_REQUIRE=1 $(GO) test -count=1 -timeout=60m -run='$(TESTS)' ./integration/...

# The integration tests with native code of all modules that the compiler takes, but for those of
# container engines. At the end stands how many it has taken, and why not the others.
native-test: ports layers
	cd integration && WALISUP_TEST_ENGINE=native WALISUP_TEST_REQUIRE=1 $(GO) test -count=1 -timeout=60m -run='$(TESTS)' \
		-skip='TestPodman|TestContainerd|TestCRI'

# One page for each command, into man.
man: go-version
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) \
	$(GO) run -tags documents ./cmd/walisup man man

# The reference of the command line, from the commands' own help.
cli-doc: go-version
	$(GO) run -tags documents ./cmd/walisup reference >docs/cli.md.new
	mv docs/cli.md.new docs/cli.md

# For whom PREFIX is not the place that is run from, as for packages: DESTDIR.
PREFIX ?= /usr/local
INSTALL := integration/install/install.sh

# What is built; make sysroot-cxx beforehand includes the C++ library.
install: build sysroot layers man
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' $(INSTALL) all

uninstall:
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' $(INSTALL) remove

# Two Debian packages, walisup and walicc, into bin.
deb: build sysroot layers man
	integration/install/deb.sh

# Installs, uses and removes them on a new Debian system, in a directory. As root.
deb-test: deb
	integration/install/deb-test.sh

# Doubles from and to text: as many random ones as NUMBERS says. Takes some minutes.
NUMBERS ?= 10000000
numbers: build sysroot
	WALISUP_TEST_REQUIRE=1 WALISUP_TEST_PATIENCE=1h WALISUP_NUMBERS=$(NUMBERS) $(GO) test -count=1 -timeout=3h -run='^TestNumbers$$' ./integration

bench: ports
	@WALISUP_TEST_REQUIRE=1 $(GO) test -run='^$$' -bench=. ./integration | $(GO) run ./integration/benchtable

# For as long as SOAK says.
SOAK ?= 10m
soak: ports
	WALISUP_TEST_REQUIRE=1 WALISUP_SOAK=$(SOAK) $(GO) test -count=1 -timeout 24h -v -run TestSoak ./integration

# bash, SQLite and redis while their system calls fail, for as long as CHAOS says.
CHAOS ?= 10m
chaos: ports layers
	WALISUP_TEST_REQUIRE=1 WALISUP_CHAOS=$(CHAOS) $(GO) test -count=1 -timeout 24h -v -run '^TestChaos' ./integration

# Threads and forks with a helper that collects, stops, forks and makes threads at every
# chance, see helper/stress_on.go.
ROUNDS ?= 10000
stress: build sysroot
	@mkdir -p .cache/stress
	helper/engine/wazero/patch.sh >/dev/null && $(BUILD) -tags=stress -modfile=.cache/go.mod \
		-ldflags='$(HELPER_LDFLAGS)' -o .cache/stress/walisup-helper ./cmd/walisup-helper
	cp bin/walisup .cache/stress/
	WALISUP_TEST_REQUIRE=1 WALISUP_STRESS=$(ROUNDS) $(GO) test -count=1 -timeout 24h -v -run TestStress ./integration

# The tests under Debian's own kernel, in a virtual machine.
kernel-test: ports
	integration/kernel/run.sh

# Test suites of other projects; as root, and for an hour.
YARDSTICKS := posix busybox dash-scripts bash-scripts bash
yardsticks: build sysroot
	integration/ports/port.sh build posixtestsuite dash bash bash-tests busybox busybox-tests
	for suite in $(YARDSTICKS); do $(GO) run ./integration/yardsticks $$suite || exit 1; done
	$(GO) run ./integration/yardsticks report

clean:
	rm -rf bin man .cache/ports .cache/build .cache/sysroot .cache/tests

distclean: clean
	rm -rf .cache
