# Two commands on a fresh machine: `make demo` and `make test`. Both set up .venv first, once.

# The first of these that is Python 3.10 or newer and has venv makes .venv; PYTHON=/path/to/python overrides.
PYTHON ?= python3.11 python3.12 python3.13 python3.10 python3 python

# Installed before the rest: plain `torch` pulls gigabytes of CUDA packages, and this is a pinned version for which a
# small CPU build may be at hand. Any torch from 2.4 works: `make demo TORCH=torch`.
TORCH ?= torch==2.13.0

VENV := .venv
OUT := out/demo
ARGS :=

RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test

help:
	@echo 'make demo   set up $(VENV), run the demo; pictures go to $(OUT)   (more: ARGS="--cfg 5 --steps 30")'
	@echo 'make test   set up $(VENV), run the test suite                    (more: ARGS="-k demo")'
	@echo '            with a ComfyUI in ~/comfy/ComfyUI or COMFYUI_PATH=/path/to/ComfyUI, also the tests inside it'
	@echo 'Variables:  PYTHON=/path/to/python   TORCH=torch (any version)    OUT=folder'

demo: $(STAMP)
	@echo '== fsampler demo --out $(OUT) $(ARGS)'
	@$(VENV)/bin/fsampler demo --out '$(OUT)' $(ARGS)

test: $(STAMP)
	@echo '== pytest $(ARGS)'
	@$(RUN) -m pytest $(ARGS)

# The stamp holds what TORCH was; another TORCH installs again, and so does a changed pyproject.toml.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(TORCH))
.PHONY: $(STAMP)
endif

$(STAMP): pyproject.toml research/pyproject.toml
	@suitable='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'; \
	if ! $(RUN) -c 'import sys, pip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then \
	  found=; \
	  for python in $(PYTHON); do \
	    if "$$python" -c "$$suitable" 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo 'make: no Python 3.10 or newer with its venv module among: $(PYTHON); install one, or name it with PYTHON=' >&2; \
	    exit 1; \
	  fi; \
	  echo "== $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv --clear $(VENV) || exit 1; \
	fi
	@echo '== pip install $(TORCH)'
	@$(RUN) -m pip install --quiet --disable-pip-version-check '$(TORCH)' || { \
	  echo "make: pip found no $(TORCH) for $$($(RUN) --version); choose another: make demo TORCH=torch" >&2; exit 1; }
	@echo '== pip install -e .[test] -e ./research'
	@$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[test]' -e ./research
	@echo '$(TORCH)' > $(STAMP)
