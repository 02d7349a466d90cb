# CLUSTER: flags of tests/cluster/up, say `make cluster-up CLUSTER=--control-plane`; CLUSTER_DIR: where it lives.
CLUSTER ?=
CLUSTER_DIR ?= target/cluster

.PHONY: cluster-up cluster-down
cluster-up: ## Bring up a real cluster for the tests
	@tests/cluster/up --dir $(CLUSTER_DIR) $(CLUSTER)

cluster-down: ## Take it down again, without a trace
	@tests/cluster/down --dir $(CLUSTER_DIR)
