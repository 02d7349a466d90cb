SHELL := /bin/bash
.DEFAULT_GOAL := help

# DEMO: flags of manifests/demo/run, say `make demo DEMO='--record demo.jsonl.gz'`.
DEMO ?=
RELEASE_BYTES_MAX := 15000000

-include tests/cluster/cluster.mk

.PHONY: help
help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build release fmt lint
build: ## Build everything for development
	cargo build --workspace --all-targets

release: ## Build the program as it is shipped
	cargo build --release --bin hookaudit

fmt: ## Format the sources
	cargo fmt --all

lint: ## Check the format, and run clippy with warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

.PHONY: test bench demo
test: ## Run every test, on a real cluster; the last line is the sum
	@tests/run

bench: ## Run the benchmarks
	cargo bench --workspace

demo: ## Show hooks that fail, overrun and hang on a real cluster, and what hookaudit says of them
	@manifests/demo/run $(DEMO)

# ACCURACY: parts of scenarios' names, or flags of the suite, see tests/kubelet/README.md.
ACCURACY ?=

.PHONY: accuracy
accuracy: ## Play the accuracy suite on a real kubelet, and write docs/accuracy.md
	cargo build --bin hookaudit
	cargo run --package hookaudit-testkit --bin accuracy -- target/debug/hookaudit --keep tests/recordings/accuracy --table docs/accuracy.md $(ACCURACY)

# CHAOS: parts of faults' names, or flags of the suite, see docs/reliability.md.
CHAOS ?=

.PHONY: chaos
chaos: ## Try every fault on a real API server, and write the table of docs/reliability.md
	cargo build --bin hookaudit
	cargo run --package hookaudit-testkit --bin chaos -- target/debug/hookaudit $(if $(CHAOS),,--table docs/reliability.md) $(CHAOS)

.PHONY: generate check-generate audit-size
generate: ## Write the CRD, the PrometheusRule and manifests/install.yaml from their sources
	@manifests/generate

check-generate: ## Fail where one of those is out of step
	@manifests/generate --check

audit-size: release ## Fail where the shipped program is 15 MB or larger
	@bytes=$$(stat -c %s target/release/hookaudit); echo "target/release/hookaudit: $$bytes bytes"; \
	[ "$$bytes" -lt $(RELEASE_BYTES_MAX) ] || { echo "at most $(RELEASE_BYTES_MAX) are allowed" >&2; exit 1; }
