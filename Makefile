# SPDX-License-Identifier: Apache-2.0
# A thin front for Meson: `make help` lists what there is. ARGS="..." goes on to what run, test and bench start.
PREFIX ?= /usr/local
MESON_OPTIONS ?= -Dbuildtype=release -Db_lto=true
ARGS ?=
FUZZ_SECONDS ?= 300

.DEFAULT_GOAL := all
.PHONY: all help setup run cluster test test-all bench install clean fuzz layers format format-check

all: build/build.ninja ## build build/larderd, build/larder (release, link-time optimised), the library and its examples
	@ninja -C build larderd larder liblarder examples

build/build.ninja:
	@command -v meson >/dev/null || { echo "meson is missing: 'make setup' installs what the build needs" >&2; exit 1; }
	@meson setup build $(MESON_OPTIONS)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

setup: ## install the Debian packages that are missing, for build, tests and benchmarks
	@scripts/setup build test bench

run: ## install what is missing, build, start a node: make run ARGS="--memory 1g"
	@scripts/run $(ARGS)

cluster: ## the same with three nodes that share their keys: make cluster ARGS="--port 21211"
	@scripts/cluster $(ARGS)

test: ## install what is missing, build and run all tests; `tests/run --help` lists the parts
	@tests/run $(ARGS)

test-all: ## the same with slow tests too, also under the sanitizers, and longer fuzzing
	@tests/run --all $(ARGS)

fuzz: ## fuzz each parser for FUZZ_SECONDS (300)
	@tests/run --fuzz-seconds $(FUZZ_SECONDS) fuzz

layers: ## check which room includes which
	@tests/run layers

bench: ## the comparisons with other servers
	@scripts/setup build bench
	@$(MAKE) --no-print-directory all
	@ninja -C build bench/crowd/crowd
	@bench/run $(ARGS)

install: all ## install below DESTDIR and PREFIX (/usr/local)
	@meson configure build -Dprefix=$(PREFIX)
	@meson install -C build --no-rebuild $(if $(DESTDIR),--destdir "$(abspath $(DESTDIR))")

clean: ## remove everything that was built
	@rm -rf build build-unit build-asan build-tsan build-tests

format: ## lay the C sources out (needs clang-format)
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

format-check: ## say which C sources are laid out otherwise
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format --dry-run --Werror
