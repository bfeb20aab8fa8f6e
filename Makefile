# The one entrance. The work is in deploy/dev/.
.DEFAULT_GOAL := help
.PHONY: help up down logs status clean test test-long test-hours lint fmt bench doctor events
SHELL := /bin/bash

PROFILE ?= release
ARGS ?=
AT ?=
export PROFILE CLEAN_CACHE

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## build and start everything: servers, 1NCE emulator (FLEET=1000), Simward; prints the address and a key
	@deploy/dev/up.sh

down: ## stop everything, keep the data
	@deploy/dev/down.sh

logs: ## follow all logs
	@deploy/dev/logs.sh

status: ## every process, its port and health
	@deploy/dev/status.sh

clean: ## stop everything and remove the data (CLEAN_CACHE=1: the downloaded servers too)
	@deploy/dev/down.sh --clean

test: ## all tests with servers of their own (ARGS="-p gateway" goes to cargo test; AT="2028-02-29 23:58" is another time)
	@deploy/dev/test.sh $(if $(AT),--at "$(AT)") $(ARGS)

test-long: ## random ends of v1, outages and kills; LONG_ROUNDS=10, about a minute each (LONG_SEED repeats one)
	@deploy/dev/test.sh --test journeys --no-fail-fast -- --ignored --nocapture

test-hours: ## the tests at each moment at which a day, a month or a clock changes; takes hours (ARGS goes to cargo test)
	@deploy/dev/hours.sh $(ARGS)

lint: ## format, clippy, length of files
	@deploy/dev/lint.sh

fmt: ## format all Rust files
	@cargo fmt --all

bench: ## the measurements, release build (ARGS goes to cargo bench)
	@deploy/dev/test.sh --bench $(ARGS)

doctor: ## ask the running installation what it lacks
	@deploy/dev/simward.sh doctor

events: ## print events as they happen (ARGS goes to simward events tail)
	@deploy/dev/simward.sh events tail $(ARGS)
