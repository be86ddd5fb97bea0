# What people and CI type. Sluice is built and tested without cgo: a process is
# confined in all of its threads, and the Go runtime does that best by itself.
# Modules are fetched by the go command, pinned in go.mod, app/go.mod and
# tools/go.mod. On Debian the tests install the programs
# that they try the service with: a database, a browser, a Prometheus.

GO      ?= go
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags='-s -w'
SERVICE ?= .

.PHONY: build modules tools run test test-stack test-infra test-kernel test-tutorial lint bench clean

build:
	@echo "building bin/sluice (the first time takes some minutes)"
	@$(BUILD) -o bin/sluice ./cmd/sluice

# Take app/ from source to a running, verified service on this machine.
run: build
	@bin/sluice run $(ARGS) $(SERVICE)

# Trivy and Terraform as the lock of tools names them. Where Trivy cannot be
# downloaded it is built, which takes 10 minutes or more the first time; where
# Terraform cannot, that of PATH has to do.
tools: build
	@bin/sluice tools install trivy
	@bin/sluice tools install terraform || terraform version

modules:
	@tools/modules.sh .

test: modules tools
	@tools/packages.sh mariadb-server chromium prometheus flake8 bandit python3-pytest python3-pytest-cov python3-flask python3-pip python3-venv
	@tools/modules.sh app internal/scan/trivy/testdata/database internal/scan/trivy/testdata/provider
	CGO_ENABLED=0 $(GO) test -timeout 40m ./...
	cd app && $(GO) test -race ./...

# The service with its database and monitoring in containers, on a Docker engine
# of the test's own; as root.
test-stack: modules tools
	@tools/packages.sh docker.io docker-compose debootstrap flake8 bandit python3-pytest python3-pytest-cov python3-flask python3-gunicorn python3-setuptools-whl
	@tools/modules.sh --all app
	@tools/modules.sh internal/scan/trivy/testdata/database
	$(GO) test -tags stack -timeout 30m -count 1 .

# The tutorials, command by command.
test-tutorial: modules tools
	@tools/packages.sh flake8 bandit python3-pytest python3-pytest-cov python3-flask
	$(GO) test -tags tutorial -timeout 40m -count 1 -run TestTutorial ./docs

# terraform/ against a mocked provider, and deploy/gke against Kubernetes' schemas.
# Where the provider registry is out of reach
# the first time takes 10 minutes or more, for building the provider.
test-infra:
	@GO="$(GO)" tools/provider.sh >/dev/null
	@command -v tflint >/dev/null || echo "tflint is not installed: its rules are not tried"
	@tools/modules.sh deploy/gke
	$(GO) test -tags infra -timeout 60m -count 1 ./terraform/...
	cd deploy/gke && $(GO) test -count 1 ./...

# Confinement on Debian's own kernel, in a virtual machine: with memory bound, and
# an older Landlock. As root, on Debian.
test-kernel:
	@tools/packages.sh qemu-system-x86 busybox-static kmod
	CGO_ENABLED=0 $(GO) test -c -o bin/sandbox.test ./internal/sandbox
	cd internal/sandbox && ../../tools/kernel.sh ../../bin/sandbox.test -test.run='TestAttacks$$|Group' -test.timeout=20m -test.v

lint:
	@tools/modules.sh --tools
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run --build-tags infra ./terraform/...
	cd app && $(GO) tool -modfile=../tools/go.mod golangci-lint run --config ../.golangci.yml ./...
	cd deploy/gke && $(GO) tool -modfile=../../tools/go.mod golangci-lint run --config ../../.golangci.yml ./...

bench: build
	bench/run.sh

clean:
	rm -rf bin .sluice
