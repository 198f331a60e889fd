# Driftline. `make help` lists what there is.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CACHE    := $(CURDIR)/.cache
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
PKG      ?= ./...
FUZZTIME ?= 30s
BENCH    ?= .

# Where the tests find what is not Go. .ci/prepare fills these places; what is set
# from outside wins.
export DRIFTLINE_MLFLOW_PYTHON ?= $(CACHE)/venv/bin/python
export DRIFTLINE_XGB_PYTHON    ?= $(CACHE)/venv/bin/python
export DRIFTLINE_KAFKA_LIB     ?= $(CACHE)/kafka/lib
export DRIFTLINE_KAFKA_OLD_LIB ?= $(CACHE)/kafka/lib-old
export DRIFTLINE_BIKESHARE     ?= $(CURDIR)/cmd/driftline/internal/demo/data/bikeshare-hourly.csv.gz

.PHONY: help build demo test test-short check fmt vet lint race docs bench bench-rivals bench-performance bench-sequential bench-multivariate bench-year bench-scipy fuzz chaos soak clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/driftline
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/driftline ./cmd/driftline

demo: build ## build and run the demo; flags go in ARGS, such as ARGS=--once
	./bin/driftline demo $(ARGS)

test: ## everything, with real Kafka, PostgreSQL, MLflow clients, promtool; fetches them first
	.ci/prepare
	go run ./.ci/gotest -timeout 20m $(PKG) ./.ci/gotest
	cd deploy/monitoring/test && go test -timeout 20m ./...

test-short: ## hermetic tests only: no service, no network
	go test -short $(PKG)

check: fmt vet lint race docs ## format, vet, lint, tests with the race detector, documents

fmt: ## fail if a file is not formatted
	@bad=$$(git ls-files -z -- '*.go' | xargs -0 gofmt -l); \
	if [ -n "$$bad" ]; then echo "not formatted, run gofmt -w:"; echo "$$bad"; exit 1; fi

vet: ## go vet
	go vet $(PKG) ./.ci/gotest ./.ci/performance ./.ci/sequential ./.ci/calm ./.ci/year ./.ci/scipy

lint: ## golangci-lint, built from .ci/tools on first use
	@tool=$$(.ci/tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint); \
	"$$tool" run $(PKG)

race: ## short tests with the race detector
	go test -race -short -timeout 20m $(PKG)

docs: ## links, words and the import graph
	go test -count=1 .

bench: ## benchmarks with allocations; BENCH=regexp, PKG=./stream/event; without them the rivals too
	go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m $(PKG)
	@if [ '$(BENCH) $(PKG)' = '. ./...' ]; then $(MAKE) build && ./bin/driftline bench ingest && .ci/rivals/run; fi

bench-rivals: ## the same events through consumers in Java and Python; flags in ARGS, such as ARGS='--rounds 5'
	.ci/rivals/run $(ARGS)

bench-performance: ## estimates without labels, and concept drift told from drift of inputs; flags in ARGS, such as ARGS='-runs 5 -only windows'
	go run ./.ci/performance $(ARGS)

bench-sequential: ## delays at equal false alarms, beside River and Frouros; ARGS=--short for the quick one
	.ci/sequential/run $(ARGS)

bench-multivariate: ## how soon a change of many features is found, at equal false alarms; all of it with ARGS=--full
	go run ./.ci/calm $(ARGS)

bench-year: ## false alarms a model-year with default settings, and shifts found; ARGS='-seeds 20'
	go run ./.ci/year $(ARGS)

bench-scipy: ## 100,000 random cases of every statistic, computed by scipy too; ARGS='-cases 1000 -seed 2'
	.ci/scipy/run $(ARGS)

fuzz: ## each fuzz target for FUZZTIME (30s)
	.ci/fuzz $(FUZZTIME) $(PKG)

chaos: ## three brokers, a hundred kill -9, and every fault test; smaller with DRIFTLINE_CHAOS_KILLS, _PAUSE (s)
	.ci/prepare kafka
	go run ./.ci/gotest -tags chaos -count=1 -p 1 -timeout 60m -run '^Test(Fault|Chaos)' ./stream/... ./cmd/...

soak: ## 30 minutes of load (DRIFTLINE_SOAK_MINUTES) and 100,000 seeds of the kill simulation (DRIFTLINE_SOAK_SEEDS)
	.ci/prepare kafka
	go test -tags soak -count=1 -p 1 -timeout 12h -v -run '^TestSoak' ./cmd/driftline/internal/e2e ./stream/sim

clean: ## remove what was built and fetched
	rm -rf bin $(CACHE)
