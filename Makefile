# Every target sets up what it needs; `make` alone lists them.
PYTHON ?= python3
SERVE ?= yes
VENV := .venv
PY := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null || echo $(VENV)/bin/uv)
UV_PIN := $(shell grep '^uv==' constraints.txt)
READY := $(VENV)/.ready
export BENTOML_DO_NOT_TRACK = true
export MLFLOW_DISABLE_TELEMETRY = true
# or every process compiles its libraries anew, which takes longer than most of what it does
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: messages help demo serve test quick soak lint format bench bench-accuracy bench-calibration bench-features bench-newcomers bench-page bench-serving bench-value browser engines screenshots lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Holdfast needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) --version). Name another: make PYTHON=python3.12 ..."; exit 2; }
	@echo "Setting up $(VENV) from constraints.txt ..."
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@test -x "$(UV)" || $(PY) -m pip install --quiet --disable-pip-version-check "$(UV_PIN)"
	@$(UV) pip install --quiet --python $(PY) --constraints constraints.txt --editable '.[serve,train,demo,dev]'
	@$(PY) -c 'import lightgbm' || { echo "LightGBM needs the system's OpenMP library. Debian, Ubuntu: apt-get install libgomp1; Fedora: dnf install libgomp; macOS: brew install libomp"; exit 2; }
	@touch $@

demo: $(READY) ## Train on a real grocery chain, score every customer, print the churn list, serve it (SERVE=no: end after scoring)
	@$(PY) -m holdfast demo $(if $(filter no,$(SERVE)),--no-serve)

serve: $(READY) ## Serve what `make demo` made, on port 3000
	@$(PY) -m holdfast serve --shop demo-shop

test: $(READY) browser engines ## Every test but the soaks
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not soak"

soak: $(READY) browser engines ## The long tests that `make test` leaves out: a million customers, a demo told twice
	@$(PY) -m pytest -m soak

quick: $(READY) ## The tests that start, train and serve nothing
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not soak"

browser: $(READY) ## Chromium and axe-core for the tests of the web page; with `make test`
	@bash tests/browser/install.sh

engines: $(READY) ## Spark with a Java, and PostgreSQL, for their tests; with `make test`
	@bash tests/engines/install.sh

screenshots: $(READY) browser ## Take the README's pictures anew
	@$(PY) tests/browser/screenshots.py

lint: $(READY) ## Style, format and types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

format: $(READY) ## Put the code into its format
	@$(VENV)/bin/ruff check --fix-only --quiet .
	@$(VENV)/bin/ruff format --quiet .

messages: $(READY) ## Bring the page's catalogues up to date with its texts
	@$(VENV)/bin/pybabel -q extract -F serving/locale/babel.cfg -k N_ -k text -k say -k plural:1,2 --no-location --sort-output \
	  --omit-header -o .venv/holdfast.pot serving
	@$(VENV)/bin/pybabel -q update -i .venv/holdfast.pot -d serving/locale -D holdfast --no-fuzzy-matching --ignore-obsolete \
	  --omit-header -w 110

bench: bench-features bench-accuracy bench-calibration bench-newcomers bench-value bench-serving bench-page ## Every benchmark

bench-features: $(READY) ## Vectors: time for all cut-offs of the demo shop, beside pandas
	@$(PY) tests/benchmarks/bench_features.py

bench-accuracy: $(READY) ## Ours beside logistic regression, LightGBM, scikit-learn and FLAML on eleven real tables; two hours
	@$(UV) pip install --quiet --python $(PY) --constraints constraints.txt --editable '.[bench]'
	@$(PY) tests/benchmarks/bench_accuracy.py

bench-calibration: $(READY) ## What calibration on past days is worth on later ones
	@$(PY) tests/benchmarks/bench_calibration.py

bench-newcomers: $(READY) ## Newcomers: the trees of all customers beside models learned from newcomers alone
	@$(PY) tests/benchmarks/bench_newcomers.py

bench-value: $(READY) ## Customer value out of time: the candidates, and BG/NBD's 39 weeks of CDNOW
	@$(PY) tests/benchmarks/bench_value.py

bench-serving: $(READY) ## Score by id at 16 clients, beside a no-op of the same service
	@$(PY) tests/benchmarks/bench_serving.py

bench-page: $(READY) ## Pages of the demo shop: time and weight
	@$(PY) tests/benchmarks/bench_page.py

lock: $(READY) ## Pin anew: constraints.txt and serving/requirements.txt
	@$(UV) pip compile --quiet --universal --python-version 3.11 --all-extras --no-header --no-annotate \
	  --no-emit-index-url --output-file constraints.txt pyproject.toml
	@$(UV) pip compile --quiet --universal --python-version 3.11 --extra serve --no-header --no-annotate \
	  --no-emit-index-url --constraints constraints.txt --output-file serving/requirements.txt pyproject.toml

clean: ## Remove the environment, the store and the demo shop
	rm -rf $(VENV) .venv-lean models/store demo-shop *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
