# What people and CI type. Everything that is needed besides Go is fetched by
# the go command, pinned in go.mod, app/go.mod and tools/go.mod.

GO      ?= go
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags='-s -w'
SERVICE ?= .

.PHONY: build run test lint bench clean

build:
	@echo "building bin/sluice (the first time takes some minutes)"
	@$(BUILD) -o bin/sluice ./cmd/sluice

# Take app/ from source to a running, verified service on this machine.
run: build
	@bin/sluice run $(ARGS) $(SERVICE)

test:
	$(GO) test -timeout 30m ./...
	cd app && $(GO) test -race ./...

lint:
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...
	cd app && $(GO) tool -modfile=../tools/go.mod golangci-lint run --config ../.golangci.yml ./...

bench: build
	bench/run.sh

clean:
	rm -rf bin .sluice
