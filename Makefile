# The front door. Every target does the set-up that it needs; a second call does no work twice.
#   make demo       train the demo model on nine long-document tasks and show what it learned (minutes, no GPU)
#   make build      build/bin/golong, the plugins, the Python module
#   make test       unit, plugin and integration tests; sanitizers for all that does not link LibTorch
#   make test-long  what takes longer: clang-tidy on LibTorch code, the demo's training, wider comparisons
#   make fuzz       fuzz every parser, FUZZ_SECONDS (300) each
#   make bench      speed, side by side with what one would use instead (TOPICS=rewards: only that;
#                   rollout, tokenizing, train)
#   make lint       formatting, clang-tidy on torch-free code, the floors of the house
BUILD ?= build
CMAKE := .venv/bin/cmake
CTEST := .venv/bin/ctest --output-on-failure --test-dir
NINJA := .venv/bin/ninja
GOLONG := $(BUILD)/bin/golong
JOBS ?= $(shell nproc)

.PHONY: setup setup-test build build-tests demo test test-long fuzz bench lint format clean sanitize
.DEFAULT_GOAL := build

setup:
	@tools/setup.sh

setup-test:
	@tools/setup.sh --requirements requirements-test.txt

$(BUILD)/build.ninja: CMakeLists.txt
	@$(CMAKE) -G Ninja -S . -B $(BUILD) -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(NINJA) --log-level=WARNING

build: setup
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD) -j $(JOBS) --quiet core/all plugins/all

build-tests: setup-test
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD) -j $(JOBS) --quiet

demo: build
	@tools/demo.sh $(GOLONG)

sanitize: setup-test
	@$(CMAKE) -G Ninja -S . -B $(BUILD)-sanitize -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(NINJA) --log-level=WARNING \
	  -DGOLONG_SANITIZE=ON -DGOLONG_ENGINE=OFF -DGOLONG_PYTHON_MODULE=OFF
	@$(NINJA) -C $(BUILD)-sanitize -j $(JOBS) --quiet
	@$(CTEST) $(BUILD)-sanitize

test: build-tests sanitize
	@$(CTEST) $(BUILD)
	@.venv/bin/python -m pytest -q tests/python tests/integration

test-long: test
	@tools/setup.sh --requirements requirements-long.txt tools/debian-packages-fuzz.txt
	@tools/fuzz.sh --build
	@tools/lint.sh --engine
	@.venv/bin/python -m pytest -q tests/long
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-20} tools/fuzz.sh

fuzz: setup
	@tools/setup.sh tools/debian-packages-fuzz.txt
	@tools/fuzz.sh

bench: build setup-test
	@tools/bench.sh $(GOLONG) $(TOPICS)

lint: setup-test
	@tools/setup.sh tools/debian-packages-lint.txt
	@tools/lint.sh

format:
	@git ls-files '*.h' '*.hpp' '*.cpp' '*.c' | xargs clang-format-14 -i

clean:
	@rm -rf $(BUILD) $(BUILD)-sanitize build-lint build-fuzz .venv-bench .venv-trl
