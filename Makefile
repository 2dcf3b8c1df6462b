# The front door. Every target does the set-up that it needs; a second call does no work twice.
#   make demo       train the demo model on nine long-document tasks and show what it learned (minutes, no GPU)
#   make build      build/bin/golong, the plugins, the Python module
#   make test       unit, plugin and integration tests; sanitizers for all that does not link LibTorch
#   make test-long  what takes longer: clang-tidy on LibTorch code, the demo's training, wider comparisons
#   make bench      speed, side by side with what one would use instead
#   make lint       formatting, clang-tidy on torch-free code, the floors of the house
BUILD ?= build
CMAKE := .venv/bin/cmake
NINJA := .venv/bin/ninja
GOLONG := $(BUILD)/bin/golong
JOBS ?= $(shell nproc)

.PHONY: setup setup-test build demo test test-long bench lint format clean sanitize
.DEFAULT_GOAL := build

setup:
	@tools/setup.sh

setup-test:
	@tools/setup.sh --requirements requirements-test.txt

$(BUILD)/build.ninja: CMakeLists.txt
	@$(CMAKE) -G Ninja -S . -B $(BUILD) -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(NINJA) --log-level=WARNING

build: setup
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD) -j $(JOBS) --quiet

demo: build
	@tools/demo.sh $(GOLONG)

sanitize: setup-test
	@$(CMAKE) -G Ninja -S . -B $(BUILD)-sanitize -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(NINJA) --log-level=WARNING \
	  -DGOLONG_SANITIZE=ON -DGOLONG_ENGINE=OFF -DGOLONG_PYTHON_MODULE=OFF
	@$(NINJA) -C $(BUILD)-sanitize -j $(JOBS) --quiet
	@cd $(BUILD)-sanitize && ctest --output-on-failure

test: setup-test build sanitize
	@cd $(BUILD) && ctest --output-on-failure
	@.venv/bin/python -m pytest -q tests/python tests/integration

test-long: test
	@tools/lint.sh --engine
	@.venv/bin/python -m pytest -q tests/long

bench: setup-test build
	@tools/bench.sh $(GOLONG)

lint: build
	@tools/setup.sh tools/debian-packages-lint.txt
	@tools/lint.sh

format:
	@git ls-files '*.h' '*.hpp' '*.cpp' '*.c' | xargs clang-format-14 -i

clean:
	@rm -rf $(BUILD) $(BUILD)-sanitize
