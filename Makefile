# The commands of this repository. Everything they need is installed under .venv; nothing is installed elsewhere.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXAMPLE := examples/flight-delays

# Without bytecode every import of TensorFlow takes two to three times as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test coverage lint constraints docs image clean

help:  ## what there is
	@echo "make demo         installs, then runs the flight-delays example from raw CSV to a pushed model"
	@echo "make test         installs, then runs the tests"
	@echo "make coverage     the same tests, and which lines they run: takes half as long again"
	@echo "make lint         ruff, mypy and the import contracts"
	@echo "make docs         writes the reference of the spec and of the components from their classes and faces"
	@echo "make constraints  writes the exact versions of both stacks to constraints/"
	@echo "make image        builds the image stellwerk:VERSION by docker or podman; TARGET=notebook: stellwerk-notebook:VERSION"
	@echo "make clean        removes what these commands made, the example's runs and models included"
	@echo
	@echo "PYTHON=python3.11 in front or behind chooses the Python that .venv is made from."

# One small package has no wheels: where there is no g++, a compiler comes as a wheel for as long as this takes. CC is divided at
# blanks, which the path of this folder may have, so it is called by another.
$(INSTALLED): setup.py pyproject.toml constraints/older.txt constraints/current.txt
	@if [ -x $(BIN)/python ]; then python=$(BIN)/python; else python=$(PYTHON); fi; \
	stack=$$($$python constraints/choose.py) || exit 1; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV) || exit 1; \
	if ! command -v g++ >/dev/null; then \
	    $(BIN)/python -m pip install --quiet ziglang || exit 1; \
	    compiler=$$(mktemp -d); ln -s "$(CURDIR)"/$(VENV)/lib/python3*/site-packages/ziglang/zig "$$compiler/zig" || exit 1; \
	    CC="$$compiler/zig c++"; CXX="$$CC"; export CC CXX; \
	fi; \
	echo "Installing the $$stack stack into $(VENV): about three minutes"; \
	$(BIN)/python -m pip install --quiet --editable '.[runtime,examples,dev]' --constraint constraints/$$stack.txt || exit 1; \
	if [ -n "$$compiler" ]; then rm -r "$$compiler"; $(BIN)/python -m pip uninstall --quiet --yes ziglang; fi; \
	touch $@

demo: $(INSTALLED)  ## the example, end to end
	$(BIN)/python $(EXAMPLE)/fetch.py
	$(BIN)/stellwerk run $(EXAMPLE)/pipeline.yaml

TESTS := $(BIN)/pytest --numprocesses=2 --dist=loadfile --durations=15

test: $(INSTALLED)  ## all tests
	$(TESTS)

# Every process that a test starts is traced: importing TensorFlow alone takes half as long again.
coverage: $(INSTALLED)  ## all tests, with coverage
	$(TESTS) --cov=stellwerk --cov-report=term

# mypy and import-linter cannot see through the mapping of folders to packages: they get the tree that a wheel would hold.
lint: $(INSTALLED)  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/tree
	$(BIN)/python setup.py --quiet build_py --build-lib build/tree
	MYPYPATH=build/tree $(BIN)/mypy --package stellwerk
	PYTHONPATH=build/tree $(BIN)/lint-imports

constraints:  ## exact versions from the ranges in setup.py
	test -x build/uv/bin/python || $(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet --upgrade uv
	build/uv/bin/python constraints/generate.py

docs: $(INSTALLED)  ## the reference of the spec, the catalogue of the components and their definitions
	$(BIN)/stellwerk schema --json > docs/pipeline.schema.json
	$(BIN)/python -m stellwerk.spec.documentation > docs/spec.md
	$(BIN)/python -m stellwerk.pipelines.kubeflow.catalogue > docs/components.md
	$(BIN)/stellwerk components -o docs/components

# podman's own format has no health checks.
image:  ## one image for every step; with TARGET=notebook that of notebook servers
	@version=$$(sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml); \
	revision=$$(git rev-parse HEAD 2>/dev/null || echo unknown); \
	set -- --build-arg VERSION=$$version --build-arg REVISION=$$revision $(TARGET:%=--target %) \
	    --tag stellwerk$(TARGET:%=-%):$$version .; \
	if command -v docker >/dev/null; then docker build "$$@"; else podman build --format docker "$$@"; fi

clean:  ## everything that can be made again
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage
	rm -rf $(EXAMPLE)/data $(EXAMPLE)/runs $(EXAMPLE)/models
