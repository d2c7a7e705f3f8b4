# SPDX-License-Identifier: MIT
#
# A thin door to CMake: every rule is one or two commands that you could type yourself.

JOBS   ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
PREFIX ?= /usr/local
# Extra arguments for ctest, for example: make test ARGS='-L unit'
ARGS   ?=
FUZZ_SECONDS ?= 30

.DEFAULT_GOAL := all
CHECKS := check-format check-layers check-banned check-headers check-style check-options check-api check-web tidy
# The folder of real models that `make test-real` wants
MODELS ?=
# The folder of published answers with labels that `make real` wants
LABELS ?=
.PHONY: all setup demo web test test-node test-web test-real real test-device check-aarch64 check-macos check-reproducible sbom deb image asan tsan clang fuzz check $(CHECKS) format bench bench-real bench-shapes install clean distclean help

all: setup ## build/persona, libpersona and the tests (the default)
	@$(call build,dev,build)

setup: ## install or unpack what is missing; silent when nothing is
	@tools/setup
	@tools/setup-words

demo: all ## the whole story on the embedded pair; report in build/demo
	@./build/persona demo --out build/demo

test: all ## build and run every test
	@ctest --test-dir build --output-on-failure -j $(JOBS) $(ARGS)

test-node: all ## the server with OpenAI's and Ollama's own clients; fetches these two into build/node
	@tools/setup --dev
	@mkdir -p build/node && cd build/node && { cmp -s ../../tests/node/package-lock.json package-lock.json && \
		test -d node_modules || { cp ../../tests/node/package.json ../../tests/node/package-lock.json . && \
		npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; }; }
	@ctest --test-dir build -R '^cli_node$$' --output-on-failure $(ARGS)

web: all web/node_modules ## build the page into web/dist, which is committed (ADR 17); wants node
	@mkdir -p web/gen && ./build/persona __spec openapi >build/openapi.json
	@cd web && npx openapi-typescript ../build/openapi.json -o gen/api.d.ts >/dev/null && npx tsc -p . && node build.mjs
	@$(call build,dev,build)

web/node_modules: web/package-lock.json
	@tools/setup --dev
	@cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch node_modules

test-web: web ## walk through the page in Chromium, each view through its real work
	@tools/setup --web
	@PERSONA_WEB_TESTS=1 ctest --test-dir build -R '^cli_web$$' --output-on-failure $(ARGS)

test-real: all ## what only real models show; MODELS=DIR holds the GGUF files
	@test -d "$(MODELS)" || { echo "make test-real wants MODELS=DIR, a folder of GGUF files" >&2; exit 64; }
	@PERSONA_REAL_MODELS=$(abspath $(MODELS)) ctest --test-dir build -L real --verbose $(ARGS)

real: all ## the whole story on real models; MODELS=DIR of GGUF files, LABELS=DIR of published answers
	@test -d "$(MODELS)" && test -d "$(LABELS)" || \
		{ echo "make real wants MODELS=DIR and LABELS=DIR (docs/RESULTS.md says which)" >&2; exit 64; }
	@tools/real-story "$(MODELS)" "$(LABELS)" build/real $(ARGS)

test-device: all ## the engine on a device; fetches one that computes on the processor (70 MB)
	@tools/setup-vulkan
	@set -a; . $(or $(PERSONA_VULKAN),./.prefix-vulkan)/env; build/tests/test_device

asan: setup ## every test under the address and undefined-behaviour sanitizers
	@$(call build,asan,build/asan)
	@ctest --test-dir build/asan --output-on-failure -j $(JOBS) $(ARGS)

tsan: setup ## the unit tests under the thread sanitizer (libllama itself is not instrumented)
	@$(call build,tsan,build/tsan) --target unit_tests
	@tools/no-aslr ctest --test-dir build/tsan -L unit --output-on-failure -j $(JOBS) $(ARGS)

clang: setup ## build with the second compiler and run the unit tests
	@$(call build,clang,build/clang)
	@ctest --test-dir build/clang -L unit --output-on-failure -j $(JOBS) $(ARGS)

fuzz: ## run every fuzzer for FUZZ_SECONDS (30), from its committed corpus
	@tools/setup --fuzz
	@$(call build,fuzz,build/fuzz)
	@tools/fuzz build/fuzz $(FUZZ_SECONDS)

check: ## formatting, layers, banned functions, public headers, the reference of options, clang-tidy
	@tools/setup --dev
	@$(MAKE) --no-print-directory -k $(CHECKS)

check-format check-headers:
	@tools/$@

check-layers check-banned check-style:
	@tools/$@ --self-test
	@tools/$@

check-options check-api: all
	@tools/$@

check-web: web ## rooms and forbidden words of the page; web/dist is what its sources give
	@cd web && node check.mjs
	@git diff --exit-code --stat -- web/dist && test -z "$$(git status --porcelain web/dist)" || \
		{ echo "web/dist is stale: make web, and commit it" >&2; exit 1; }

check-aarch64: ## every source compiles for aarch64-linux, too; nothing is linked
	@tools/setup --dev
	@tools/check-cross linux $(JOBS)

check-macos: setup ## the same for macOS, by zig (PERSONA_ZIG, or what PATH has); docs/INSTALL.md
	@tools/check-cross macos $(JOBS)

check-reproducible: setup ## build twice in two folders and compare every installed file; minutes
	@tools/check-reproducible $(JOBS)

sbom: all ## build/persona.spdx.json: what the program consists of (SPDX 2.3)
	@tools/sbom build/persona >build/persona.spdx.json
	@echo build/persona.spdx.json

deb: ## Debian packages of forky, into the folder above; wants its libraries on this system (docs/INSTALL.md)
	@dpkg-buildpackage -us -uc -b

image: ## a container image, persona:latest, by docker, podman or buildah
	@! docker info >/dev/null 2>&1 || exec docker build -t persona .; \
		for b in podman buildah; do ! command -v $$b >/dev/null || exec $$b build --format docker -t persona .; done; \
		echo "make image wants docker, podman or buildah" >&2; exit 1

tidy: ## clang-tidy on what changed since it last passed
	@tools/setup --dev
	@test -e build/clang/build.ninja || cmake --preset clang >/dev/null
	@ninja -C build/clang build.ninja >/dev/null && ninja -C build/clang page/page_files.def >/dev/null
	@tools/check-tidy build/clang $(JOBS)

format: ## rewrite the C files in the project's style
	@tools/check-format --fix

# What the benchmark runs
BENCH_TARGETS := persona bench/persona-bench tools/random-model
bench: setup ## measure speed and memory: bench/results/default.json, docs/PERFORMANCE.md; ARGS='--only steer'
	@$(call build,release,build/release) --target $(BENCH_TARGETS)
	@bench/run.py $(ARGS)

bench-real: setup ## the same on real models, in PERSONA_BENCH_MODELS (a folder); takes an hour or more
	@$(call build,release,build/release) --target $(BENCH_TARGETS)
	@bench/run.py --set real $(ARGS)

bench-shapes: setup ## the same on random weights in the shapes of Qwen2.5-7B and gpt-oss-20b (17 GB of disk)
	@$(call build,release,build/release) --target $(BENCH_TARGETS)
	@bench/run.py --set shapes $(ARGS)

install: setup ## into PREFIX (default /usr/local); honours DESTDIR
	@cmake --preset release -DCMAKE_INSTALL_PREFIX=$(abspath $(PREFIX)) >/dev/null
	@$(call build,release,build/release)
	@cmake --install build/release

clean: ## remove build/
	@rm -rf build

distclean: clean ## remove build/ and the private prefixes
	@rm -rf .prefix .prefix-vulkan

help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

# build PRESET FOLDER: configure once (ninja asks cmake again when a CMake file or a folder changes), build.
define build
test -e $(2)/build.ninja || cmake --preset $(1) >/dev/null; cmake --build $(2) -j $(JOBS)
endef
