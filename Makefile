# Needs make (3.81 or later) and Python 3.11 to 3.13. Everything else goes into .venv, by hash.

VENV := .venv
MADE := $(VENV)/made
DOCS_MADE := $(VENV)/docs-made

JOBS = 300
KILLS = 30
# Processes that run tests side by side: most of a test of real processes is waiting.
TESTERS = 4

.PHONY: help demo test check gate chaos simulate exhaustive bench bench-check bench-trouble soak capacity real-model docs demo-svg dashboard-picture image sbom lock clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo    the whole fleet on a simulated AI City: no account, no key, no Docker'
	@echo '             (make demo ARGS="--workers 4 --json"; make demo ARGS=--help)'
	@echo 'make test    the tests (make test ARGS="-k ledger")'
	@echo '             (make test COVERAGE=1 runs all of them, and fails below the floor of branch coverage)'
	@echo 'make bench   the fleet beside what a user would pick instead: hours (ARGS=--help; ARGS="--small --rounds 1")'
	@echo 'make bench-check      whether a job takes more Redis round trips or Python calls than on record (ARGS=--record)'
	@echo 'make bench-trouble    what bad jobs cost the others, about 30 minutes (ARGS="--jobs 100 --repeats 1")'
	@echo 'make soak    an hour of 20 jobs a minute: does memory, Redis or any log grow (ARGS="--jobs 28800")'
	@echo 'make capacity      what so many jobs a day need, and what runs out first (ARGS=--help)'
	@echo 'make chaos   kill, stop, wipe and starve a fleet for about two minutes, and count what was lost'
	@echo '             (make chaos JOBS=2000 KILLS=200 SEED=7 ARGS="--no-flushall --receipt FILE")'
	@echo 'make real-model    the fleet on a real llama.cpp server, with a model too small for the work:'
	@echo '             downloads 130 MB once and takes up to 15 minutes (ARGS=--help)'
	@echo 'make check   formatting, lint and types'
	@echo 'make gate    how well the gate tells work from junk (make gate ARGS=--kinds)'
	@echo 'make simulate      the fleet in virtual time under many seeds (SEEDS=500), or one (SEED=7)'
	@echo 'make exhaustive    every state of a small fleet (ARGS=--large)'
	@echo 'make image   the image of every process (IMAGE=name:tag), and the list of its packages, as below'
	@echo 'make sbom    build/sbom.cdx.json: the packages of the image with versions and hashes (CycloneDX)'
	@echo 'make docs    the documentation, in build/docs (warnings are errors)'
	@echo 'make demo-svg      run the demo and renew its screenshot (docs/demo.svg)'
	@echo 'make dashboard-picture    run a fleet for 12 minutes and renew the picture of its dashboard'
	@echo '             (docs/dashboard.png): needs npm, prometheus and chromium (ARGS=--help)'
	@echo 'make lock    rewrite requirements/ from pyproject.toml (needs uv; ARGS=--upgrade)'
	@echo 'make clean   remove .venv and everything that was built'
	@echo
	@echo 'The first of them makes .venv. PYTHON=python3.12 chooses the Python that it is made with.'

$(MADE): pyproject.toml requirements/dev.txt requirements/redis-server.txt scripts/make-venv
	@PYTHON='$(PYTHON)' sh scripts/make-venv

# Replaces the shell by the demo, so that Ctrl-C finds nothing in between.
demo: $(MADE)
	@exec $(VENV)/bin/aicity-fleet demo $(ARGS)

# What the fleet is compared with, each in an environment of its own.
build/%/made: requirements/%.txt $(MADE)
	$(VENV)/bin/python -m venv build/$*
	build/$*/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/$*.txt
	@touch $@

bench: $(MADE) build/bench/made build/bench-arq/made
	@$(VENV)/bin/python tests/bench $(ARGS)

bench-check: $(MADE)
	@$(VENV)/bin/python tests/bench/check.py $(ARGS)

bench-trouble: $(MADE)
	nice $(VENV)/bin/python tests/bench/bench_poison.py $(ARGS)
	nice $(VENV)/bin/python tests/bench/bench_unservable.py

soak: $(MADE)
	@exec $(VENV)/bin/python tests/bench/soak.py $(ARGS)

SBOM = build/sbom.cdx.json

$(SBOM): requirements/runtime.txt build/sbom/made
	build/sbom/bin/cyclonedx-py requirements --output-reproducible --of JSON -o $@ $<

sbom: $(SBOM)

IMAGE = aicity-fleet

image: $(SBOM)
	docker build -f deploy/Dockerfile -t $(IMAGE) .

capacity: $(MADE)
	@$(VENV)/bin/python tests/bench/capacity.py $(ARGS)

# Run without coverage: a killed process loses its figures, tracing takes time and memory, what tries the
# same lines with ever more input adds none, and an earlier version of the code is not to be measured.
UNMEASURED = $(addprefix tests/, chaos exhaustive simulation containment gate \
	integration/test_crash_points.py integration/test_outages.py \
	integration/test_poison.py integration/test_scaling.py integration/test_footprint.py \
	integration/test_answer_shapes_fleet.py integration/test_judge_fleet.py integration/test_unservable.py \
	integration/test_fifteen_faults.py integration/test_intake.py \
	integration/test_brake_processes.py integration/test_money_processes.py \
	integration/test_operator_processes.py integration/test_prometheus.py integration/test_upgrade.py \
	integration/test_bench.py integration/team/test_growth.py \
	integration/test_demo.py::test_a_stopped_demo_leaves_nothing_within_ten_seconds \
	unit/team/test_gate.py::test_no_text_makes_the_gate_slow unit/team/test_gate_junk.py::test_gate_slow_junk)

PYTEST = -m pytest -n $(TESTERS) --dist worksteal

# The tests start several hundred processes. Under PYTHONDONTWRITEBYTECODE each would compile our code again.
test: $(MADE)
	@$(VENV)/bin/python -m compileall -q aicity_fleet scheduler workers
ifeq ($(COVERAGE),1)
	$(VENV)/bin/coverage erase
	$(VENV)/bin/coverage run $(PYTEST) $(UNMEASURED:%=--deselect=%)
	$(VENV)/bin/python $(PYTEST) $(UNMEASURED)
	$(VENV)/bin/coverage combine -q
	$(VENV)/bin/coverage report
else
	$(VENV)/bin/python $(PYTEST) $(ARGS)
endif

chaos: $(MADE)
	@PYTHONPATH=tests exec $(VENV)/bin/python -m chaos --jobs $(JOBS) --kills $(KILLS) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

# What it downloads is no dependency of the project, and stays in build/real-model.
real-model: $(MADE)
	@PYTHONPATH=tests exec $(VENV)/bin/python -m real $(ARGS)

check: $(MADE)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

gate: $(MADE)
	@PYTHONPATH=tests $(VENV)/bin/python -m gate.evaluation $(ARGS)

# A failing seed repeats exactly: make simulate SEED=1234 prints its trace.
simulate: $(MADE)
	@PYTHONPATH=tests $(VENV)/bin/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500)) $(ARGS)

exhaustive: $(MADE)
	@PYTHONPATH=tests $(VENV)/bin/python -m exhaustive $(ARGS)

$(DOCS_MADE): $(MADE) requirements/docs.txt
	$(VENV)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/docs.txt
	@touch $@

docs: $(DOCS_MADE)
	$(VENV)/bin/python -m sphinx -W --keep-going -n -q -b html -d build/doctrees docs build/docs
	@echo 'build/docs/index.html'

demo-svg: $(MADE)
	$(VENV)/bin/python scripts/demo_svg.py --record

# What it downloads is no dependency of the project, and stays in build/dashboard.
dashboard-picture: $(MADE)
	@PYTHONPATH=tests exec $(VENV)/bin/python -m picture $(ARGS)

lock:
	scripts/lock $(ARGS)

clean:
	rm -rf $(VENV) build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
