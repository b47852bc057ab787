# Two commands matter: `make demo` and `make test`. Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup check format test test-vm demo study bench fidelity chaos soak fuzz lost-events mutants stalled compiled interpreted test-compiled wheel package lock clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[dev]'
	touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry emulator

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: setup
	$(BIN)/pytest

# The tests of Docker and cgroups in a virtual machine; see the head of .ci/test-vm.
test-vm:
	.ci/test-vm

demo: setup
	$(BIN)/testbed demo

# The study of 2018 by its own functions, and what it found: half an hour on an idle machine.
study: RUN := runs/study-$(shell date +%Y%m%dT%H%M%S)
study: setup
	$(BIN)/testbed experiment studies/study-2018.toml --run-dir $(RUN)
	$(BIN)/testbed report $(RUN)

bench: setup
	$(BIN)/testbed bench

fidelity: setup
	$(BIN)/testbed fidelity

# What is lost when things break: a page for each backend, in some five minutes each.
chaos: setup
	mkdir -p docs/chaos
	$(BIN)/testbed chaos --backend process --kills 5 --out docs/chaos/process.md
	$(BIN)/testbed chaos --backend docker --kills 5 --out docs/chaos/docker.md

# What grows while an emulator serves for half an hour; a page for each backend.
soak: setup
	mkdir -p docs/chaos
	$(BIN)/testbed soak --out docs/chaos/soak.md

# Kills an emulator twenty times while 2,500 events come: each must run. Needs some minutes.
lost-events: setup
	$(BIN)/testbed lost-events --out docs/lost-events.md

# Sends 20,000 random requests for operations of AWS's APIs: no fault, no hang, nothing lost.
fuzz: setup
	TESTBED_FUZZ=$(or $(REQUESTS),20000) $(BIN)/pytest -s tests/api/services/test_fuzz.py

# Changes the core in some 1,600 small ways, and lists those that no test of tests/core notices.
mutants: setup
	$(BIN)/pip install --quiet --constraint requirements.lock 'mutmut>=3.8,<4'
	nice $(BIN)/mutmut run --max-children $(or $(CHILDREN),2)
	$(BIN)/mutmut results

# Has the tests' processes, or pytest's own, stand still for 2.5 s now and then: a test that fails in
# one of twenty runs of a busy machine fails soon. TESTS=FILE for fewer.
stalled: setup
	$(BIN)/python -m pytest -p tests.stalled $(or $(TESTS),tests/live)

# Compiles the core beside its sources; `make interpreted` takes the compiled modules away. An edit of
# a compiled module does nothing until one of the two. An editable install finds packages alone: the
# module that the compiled ones share lies beside the package, and needs a path of its own.
compiled: setup interpreted
	TESTBED_COMPILE=1 $(BIN)/python setup.py --quiet build_ext --inplace
	echo '$(CURDIR)' >$(VENV)/lib/$(notdir $(realpath $(wildcard $(VENV)/lib/python3.*)))/site-packages/testbed-compiled.pth
	$(BIN)/testbed --version

interpreted:
	find emulator -name '*.so' -delete
	rm -f testbed_core__mypyc.*.so $(VENV)/lib/python3.*/site-packages/testbed-compiled.pth

# The tests of what is compiled, with the compiled modules, which are taken away afterwards: what the
# compiler takes otherwise than Python does shows in no other test.
test-compiled: compiled
	$(BIN)/pytest tests/core tests/sim tests/test_sim_matches_live.py tests/test_sim_events_match_live.py \
		tests/experiments/policies tests/live/test_engine.py; \
		status=$$?; $(MAKE) --no-print-directory interpreted; exit $$status

# A wheel for this machine's kind, with the compiled core.
wheel: setup
	rm -rf build  # what lies there from an earlier tree would be packed as well
	TESTBED_COMPILE=1 $(BIN)/pip wheel --quiet --no-build-isolation --no-deps --wheel-dir dist .

package: setup
	.ci/package-check

lock: setup
	$(BIN)/pip-compile --quiet --extra dev --strip-extras --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --no-emit-options --allow-unsafe \
		--output-file requirements.lock pyproject.toml
	sed -i '/^serverless-testbed /d' requirements.lock  # extras name the package itself, by its path

clean:
	rm -rf $(VENV) .testbed runs build dist mutants *.egg-info
