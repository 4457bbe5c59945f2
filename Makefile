# make test      everything that must hold, with what it needs beside Go and make
# make lint      vet, gofumpt and staticcheck alone
# make build     bin/awsauth, stripped, without cgo
# make connectors  the matrix of services, credentials and mistakes, and long work; fails when a cell is not as expected
# make bench     ratios against limits, added to docs/benchmarks.md
# make fuzz      every fuzz target for FUZZTIME
# make soak      the full forms of the long tests: kills, interleavings, random files, faults
# make docs      docs/commands, from the commands
# make release   archives for six platforms and their checksums in dist/, from VERSION

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FUZZTIME ?= 30s

PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# The modules of the repository. That of the tools has no code.
MODULES   = . $(patsubst %/go.mod,%,$(wildcard examples/go.mod))
LDFLAGS   = -s -w -buildid= -X github.com/awsauth-go/awsauth/internal/cli.Version=$(VERSION)
BUILD     = CGO_ENABLED=0 $(GO) build -buildvcs=false
TOOL      = $(GO) tool -modfile=$(CURDIR)/tools/go.mod

.PHONY: test witnesses lint tidy cross race build connectors bench fuzz soak docs release clean

test: witnesses
	@$(MAKE) --no-print-directory lint tidy cross race

witnesses:
	scripts/install-witnesses

lint:
	@for module in $(MODULES); do \
		echo "lint $$module"; \
		(cd $$module && $(GO) vet ./... && $(TOOL) staticcheck ./...) || exit 1; \
	done
	@unformatted=$$($(TOOL) gofumpt -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofumpt:"; echo "$$unformatted"; exit 1; fi

tidy:
	@for module in $(MODULES) tools; do \
		echo "tidy $$module"; \
		$(GO) -C $$module mod tidy -diff || exit 1; \
	done

# Everything builds without cgo; the command for every platform; what only Windows compiles is vetted too.
cross:
	@for module in $(MODULES); do (cd $$module && $(BUILD) ./...) || exit 1; done
	@for platform in $(PLATFORMS); do \
		echo "build $$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} $(BUILD) -o /dev/null ./cmd/awsauth || exit 1; \
	done
	@echo "vet windows/amd64"
	@CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) vet ./...

# The race detector needs cgo, and so a C compiler. The summary lists what was skipped, and why.
race:
	@for module in $(MODULES); do \
		echo "test $$module"; \
		(cd $$module && CGO_ENABLED=1 $(TOOL) gotestsum --format pkgname --format-icons text --format-hide-empty-pkg \
			-- -race -shuffle=on ./...) || exit 1; \
	done

build:
	@mkdir -p bin
	$(BUILD) -trimpath -ldflags '$(LDFLAGS)' -o bin/awsauth$$($(GO) env GOEXE) ./cmd/awsauth

# In the directory of the tests, so that go test passes on what they print.
connectors: witnesses
	$(GO) -C examples/connectors test -count=1 -show

bench: build
	CGO_ENABLED=0 $(GO) run ./internal/bench -binary bin/awsauth$$($(GO) env GOEXE) -append docs/benchmarks.md

# Minimizing what is new stalls a run, and is of use only for what fails: that is minimized by running it again.
fuzz:
	@log=$$(mktemp); trap 'rm -f $$log' EXIT; \
	for package in $$($(GO) list ./...); do \
		targets=$$($(GO) test -list '^Fuzz' $$package) || { echo "$$targets"; exit 1; }; \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			if ! $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$package >$$log 2>&1; then \
				cat $$log; exit 1; \
			fi; \
			executions=$$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' $$log | tail -n 1); \
			echo "$$executions executions of $$target in $${package#github.com/awsauth-go/awsauth/}"; \
		done; \
	done

# The short forms of these run in make test. Faults come last, by themselves, as times count there.
soak:
	@log=$$(mktemp); trap 'rm -f $$log' EXIT; \
	for packages in ". ./identity/certstore ./serve/credfile" ./internal/endurance ./internal/chaos; do \
		AWSAUTH_SOAK=1 CGO_ENABLED=0 $(GO) test -count=1 -timeout 300m -v $$packages >$$log 2>&1; passed=$$?; \
		grep -v '^=== ' $$log; \
		[ $$passed = 0 ] || exit 1; \
	done
	AWSAUTH_SOAK=1 $(GO) -C examples/connectors test -count=1 -timeout 60m -show

docs:
	$(GO) run ./internal/cli/gen -docs docs/commands

release:
	rm -rf dist
	$(GO) run ./internal/release -version '$(VERSION)' -out dist

clean:
	rm -rf bin dist
