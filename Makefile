# What people and CI type. Sluice is built and tested without cgo: a process is
# confined in all of its threads, and the Go runtime does that best by itself.
# Modules are fetched by the go command, pinned in go.mod, app/go.mod and
# tools/go.mod. On Debian the tests install the programs
# that they try the service with: a database, a browser, a Prometheus.

GO      ?= go
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags='-s -w'
SERVICE ?= .

.PHONY: build run test test-stack test-infra lint bench clean

build:
	@echo "building bin/sluice (the first time takes some minutes)"
	@$(BUILD) -o bin/sluice ./cmd/sluice

# Take app/ from source to a running, verified service on this machine.
run: build
	@bin/sluice run $(ARGS) $(SERVICE)

test:
	@tools/packages.sh mariadb-server chromium prometheus
	@tools/modules.sh . app
	CGO_ENABLED=0 $(GO) test -timeout 30m ./...
	cd app && $(GO) test -race ./...

# The service with its database and monitoring in containers, on a Docker engine
# of the test's own; as root.
test-stack:
	@tools/packages.sh docker.io docker-compose debootstrap
	$(GO) test -tags stack -timeout 30m -count 1 .

# terraform/ against a mocked provider. Where the provider registry is out of reach
# the first time takes 10 minutes or more, for building the provider.
test-infra:
	@GO="$(GO)" tools/provider.sh >/dev/null
	@command -v tflint >/dev/null || echo "tflint is not installed: its rules are not tried"
	$(GO) test -tags infra -timeout 60m -count 1 ./terraform/...

lint:
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...
	cd app && $(GO) tool -modfile=../tools/go.mod golangci-lint run --config ../.golangci.yml ./...

bench: build
	bench/run.sh

clean:
	rm -rf bin .sluice
