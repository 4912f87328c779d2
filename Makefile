# Quiver's build. `make` alone lists the targets.
#
# Everything that is built here stays here: the binary in bin/, the tools and the tests' Python environment
# in .tools/. Neither is in git, and `make clean` removes both.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

GO         ?= go
FUZZTIME   ?= 1000000x
TEST_FLAGS ?=
PKG        ?= ./...

# A version is a tag and the distance from it, or dev-<hash> where there is no tag, or dev outside git.
VERSION := $(shell git describe --tags --dirty --match 'v*' 2>/dev/null \
	|| { h=$$(git describe --always --dirty 2>/dev/null) && echo "dev-$$h"; } || echo dev)

# What `quiver version -o json` and the manual's pages tell of the source; empty outside git.
COMMIT := $(shell git rev-parse HEAD 2>/dev/null)
DATE   := $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
STAMP  := -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)

# The binary, the tools and the linter are built with the same settings, so that they share one build cache.
# The version is passed in, so the build need not ask git (which refuses in a folder of another owner);
# without debugging information the compiler needs an eighth less time.
STATIC := CGO_ENABLED=0 GOFLAGS="$(strip $(filter-out -trimpath -buildvcs=% -gcflags=%,$(shell $(GO) env GOFLAGS)) -trimpath -buildvcs=false -gcflags=all=-dwarf=false)"
TOOLS  := $(CURDIR)/.tools
BIN    := bin/quiver

##@ Everyday

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nVariables: PKG=./feature narrows tests and lint, TEST_FLAGS="-run X" goes to go test, FUZZTIME=30s.\n'

.PHONY: build
build: ## build the static binary into bin/quiver
	@if [ -d cmd/quiver ]; then \
		$(STATIC) $(GO) build -ldflags "-s -w $(STAMP)" -o $(BIN) ./cmd/quiver; \
		echo "$(BIN) $(VERSION)"; \
	else \
		$(STATIC) $(GO) build ./...; \
	fi

.PHONY: demo
demo: build ## build, then run examples/flights from definitions to a served value
	@QUIVER=$(CURDIR)/bin/quiver examples/flights/demo.sh

# The manual and the completion stand beside the binary.
OUT := $(dir $(BIN))

.PHONY: man
man: build ## write the manual's pages into bin/man
	@$(BIN) man $(OUT)man

.PHONY: completion
completion: build ## write the shells' completion scripts into bin/completion
	@mkdir -p $(OUT)completion
	@$(BIN) completion bash >$(OUT)completion/quiver.bash
	@$(BIN) completion zsh >$(OUT)completion/_quiver
	@$(BIN) completion fish >$(OUT)completion/quiver.fish
	@echo "wrote $(OUT)completion"

# Packagers set DESTDIR, the root of what they pack.
PREFIX  ?= /usr/local
DESTDIR ?=
SHARE   := $(DESTDIR)$(PREFIX)/share
.PHONY: install
install: man completion ## install binary, manual and completion below PREFIX (/usr/local)
	@mkdir -p $(DESTDIR)$(PREFIX)/bin $(addprefix $(SHARE)/,man/man1 bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	@install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/quiver
	@install -m 644 $(OUT)man/*.1 $(SHARE)/man/man1/
	@install -m 644 $(OUT)completion/quiver.bash $(SHARE)/bash-completion/completions/quiver
	@install -m 644 $(OUT)completion/_quiver $(SHARE)/zsh/site-functions/_quiver
	@install -m 644 $(OUT)completion/quiver.fish $(SHARE)/fish/vendor_completions.d/quiver.fish
	@echo "installed $(DESTDIR)$(PREFIX)/bin/quiver; its manual and completion are in $(SHARE)"

# Benchmarks use every core: run them beside nothing else. BENCH_FLAGS goes to the training sets', for example
# BENCH_FLAGS='--write bench/RESULTS.md --only W1,W5'.
BENCH_FLAGS ?=
BENCH_SCALE ?= 1
.PHONY: bench
bench: bench-train bench-online ## both benchmarks at full size (half an hour, 20 GB of disk)

.PHONY: bench-train
bench-train: build ## measure training sets beside DuckDB, Polars and Feast, every value compared
	@$(GO) run ./bench/train --quiver $(BIN) --scale $(BENCH_SCALE) $(BENCH_FLAGS)

.PHONY: bench-small
bench-small: BENCH_SCALE := 0.03
bench-small: bench-train ## the same at 0.03 of the size, in under two minutes

.PHONY: bench-online
bench-online: build ## measure from Parquet to a served value, on SQLite and Redis
	@$(GO) run ./bench/online --quiver $(BIN)

##@ Testing

.PHONY: test
test: ## all of it: install what tests need, build, every test with -race, lint, check generated code
	@tools/test

.PHONY: test-fast
test-fast: ## tests without -race and without installing anything
	$(GO) test -timeout 5m $(TEST_FLAGS) $(PKG)

# -race needs a C compiler; where there is none the tests run without it and say so. Lint has vet, which would
# look at every dependency once more here, and debugging information is for debuggers.
LEAN := -vet=off -gcflags=all=-dwarf=false
.PHONY: test-race
test-race: ## tests with -race where a C compiler is present
	@cc=$$($(GO) env CC); \
	if command -v "$${cc%% *}" >/dev/null; then \
		CGO_ENABLED=1 $(GO) test -race $(LEAN) -timeout 12m $(TEST_FLAGS) $(PKG); \
	else \
		echo "NOTE: no C compiler ($$cc) here: the tests run WITHOUT the race detector"; \
		CGO_ENABLED=0 $(GO) test -timeout 12m $(TEST_FLAGS) $(PKG); \
	fi

.PHONY: fuzz
fuzz: ## run each fuzz target on a million inputs, or for FUZZTIME
	@for pkg in $$($(GO) list $(PKG)); do \
		for target in $$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$pkg"; \
		done; \
	done

.PHONY: soak
soak: ## the long form of tests: ten million rows of one key and time
	$(GO) test -count=1 -timeout 30m -run HalfOfAllRows ./offline/parquet -parquet.ties=10000000

.PHONY: check-container
check-container: ## take the steps of deploy/Containerfile without a container engine, and run what comes out
	@deploy/check.sh

.PHONY: deps
deps: ## install what the tests need: Redis 7, Python 3 with the oracle's packages
	@tools/deps

##@ Code

.PHONY: lint
lint: $(TOOLS)/stamp ## golangci-lint (vet and formatting included), and buf lint for the protocol
	@$(STATIC) $(TOOLS)/golangci-lint run --timeout 10m $(PKG)
	@if [ -d proto ]; then $(TOOLS)/buf lint; fi

.PHONY: fmt
fmt: $(TOOLS)/stamp ## format Go and proto files in place
	@$(STATIC) $(TOOLS)/golangci-lint fmt
	@if [ -d proto ]; then $(TOOLS)/buf format -w; fi

.PHONY: generate
generate: $(TOOLS)/stamp ## generate Go from proto/
	@PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate

# Generates into a copy without generated files, so that a file which should be gone is noticed as well.
.PHONY: check-generated
check-generated: $(TOOLS)/stamp ## fail where the generated code is not what proto/ says
	@[ -d proto ] || exit 0; \
	tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	cp -r proto "$$tmp/"; find "$$tmp" -name '*.pb.go' -delete; \
	PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate -o "$$tmp"; \
	if ! diff -ru proto "$$tmp/proto"; then \
		echo "generated code in proto/ is out of date: run 'make generate' and commit what it changes" >&2; exit 1; \
	fi; \
	echo "generated code is current"

.PHONY: tools
tools: $(TOOLS)/stamp ## build the tools (golangci-lint, buf, protoc plugins) into .tools/

# protoc-gen-go comes from the main module: the generator is then always of the version of the runtime.
$(TOOLS)/stamp: tools/go.mod tools/go.sum go.mod
	@mkdir -p $(TOOLS)
	@echo "building tools into .tools/ (about two minutes the first time)"
	@$(STATIC) $(GO) build -C tools -o $(TOOLS)/ tool
	@$(STATIC) $(GO) build -o $(TOOLS)/ google.golang.org/protobuf/cmd/protoc-gen-go
	@touch $@

.PHONY: clean
clean: ## remove bin/ and .tools/
	rm -rf bin .tools
