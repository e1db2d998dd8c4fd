# Everything here sets itself up: Go fetches its modules and tools, and what the
# tests of the JavaScript and Python clients need is installed below the
# repository, in the versions that lock files name.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# How long each fuzz target runs, and how many seeds a seeded test draws.
FUZZTIME ?= 10s
SEEDS    ?=

# The server to compare with in make bench, and further flags for bench.
PEER       ?=
BENCHFLAGS ?=

# The packages whose tests are worth a run under the race detector. Those of
# tests/ drive a binary that is then built with it too.
RACE := ./internal/... ./server/... ./tests/clients/... ./tests/protocol/... ./tests/durability/... ./tests/firststeps/... ./examples/...

LDFLAGS := -s -w

export SEEDS

.PHONY: run build test lint cross fuzz race bench nightly setup-clients clean

run: build
	bin/myelin dev

build:
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/myelin ./cmd/myelin

# The order is: what is quick to fail first, and the whole suite at the end, so
# that its verdict closes the output.
test: lint setup-clients
	$(MAKE) --no-print-directory cross
	$(MAKE) --no-print-directory fuzz
	$(MAKE) --no-print-directory race
	go test -count=1 ./...

lint:
	scripts/lint

cross:
	scripts/cross

fuzz:
	scripts/fuzz $(FUZZTIME)

race: setup-clients
	scripts/race $(RACE)

setup-clients:
	scripts/setup-clients

bench: build
	go run ./bench -server bin/myelin -peer '$(PEER)' $(BENCHFLAGS)

# The same tests, for as long as a night is.
nightly:
	$(MAKE) --no-print-directory test FUZZTIME=10m SEEDS=20000

clean:
	rm -rf bin .cache tests/clients/js/node_modules
