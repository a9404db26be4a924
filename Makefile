# Token Portal. `make demo` and `make test` need Python 3.12 or newer and nothing else.
.DEFAULT_GOAL := help
.PHONY: help demo demo-reset demo-manage run test covered bench check

PORT ?= 8000
BIND ?=
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -qq --no-input --disable-pip-version-check --root-user-action=ignore --require-hashes
# The demo's state is under var/demo whatever a shell has exported for a real installation.
DEMO := env -u DATABASE_URL -u KEYS_DIR -u CHECKPOINTS_FILE TOKENPORTAL_MODE=demo PORT=$(PORT)
TESTING := env -u DATABASE_URL TOKENPORTAL_MODE=test
COVERED := $(foreach room,policy cloudflare upstream actions rules audit models,--cov=tokenportal.$(room)) \
  --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

help:
	@echo "make demo [PORT=8000]   install everything and serve a filled demo"
	@echo "make test               install everything and run the tests"
	@echo "make covered            the same, and fail where a branch of the rooms that decide is not tested"
	@echo "make bench              requests per second, side by side (ARGS='--rounds 30', '--hanging 300' for pages while Cloudflare hangs, '--audit' for a long log)"
	@echo "make check              format, lint, types, architecture, deploy check, migrations"
	@echo "make run                serve in production mode, settings from .env"
	@echo "make demo-reset         wipe the demo's state"
	@echo "make -s demo-manage ARGS='verify_audit --json'   a management command on the demo's state"

# The first Python that is new enough and can make a venv; a name on the PATH may be a shim that does not start, so each
# is tried.
define find_python
for candidate in python3.13 python3.12 python3.14 python3 "$$HOME"/.pyenv/versions/3.1[2-9]*/bin/python3; do \
  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then echo "$$candidate"; break; fi; \
done
endef

$(VENV)/bin/python:
	@found=$$($(find_python)); \
	if [ -z "$$found" ]; then \
	  echo "Token Portal needs Python 3.12 or newer with its venv module (Debian: python3-venv). Install it, then run this again." >&2; exit 1; \
	fi; \
	"$$found" -m venv $(VENV) || { rm -rf $(VENV); echo "$$found could not make the virtual environment $(VENV)." >&2; exit 1; }

$(VENV)/base.installed: requirements/base.txt | $(VENV)/bin/python
	@echo "Installing what the portal needs ..." >&2
	@$(PIP) -r requirements/base.txt >&2 || { echo "The packages could not be installed." >&2; exit 1; }
	@touch $@

$(VENV)/dev.installed: requirements/dev.txt | $(VENV)/bin/python
	@echo "Installing what the tests need ..." >&2
	@$(PIP) -r requirements/dev.txt >&2 || { echo "The packages could not be installed." >&2; exit 1; }
	@touch $@ $(VENV)/base.installed

demo: $(VENV)/base.installed
# gunicorn's --reuse-port would quietly share the port with another portal, and each request would meet one of the two.
	@$(PY) -c "import socket; socket.create_server(('127.0.0.1', $(PORT)))" 2>/dev/null || \
	  { echo "Port $(PORT) is taken. Choose another one: make demo PORT=8123" >&2; exit 1; }
	@$(DEMO) $(PY) manage.py migrate --verbosity 0
	@$(DEMO) $(PY) manage.py collectstatic --noinput --clear --verbosity 0
# A start that was killed between the two has made parent tokens whose values nobody has: `seed` says so with 3, and they
# get new ones.
	@umask 077; connect() { $(DEMO) $(PY) manage.py sandbox_seed $$1 | $(DEMO) $(PY) manage.py seed - >/dev/null; }; \
	connect || { test $$? -eq 3 && echo "An earlier start was cut short, so the demo is connected anew." >&2 && connect --rotate; }
	@$(DEMO) $(PY) manage.py demo
# Both in the background and waited for: a shell runs its trap only between commands, so a server in its foreground would
# outlive a `make` that is told to stop.
	@trap 'kill $$worker $$server 2>/dev/null; wait' EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; \
	$(DEMO) $(PY) manage.py work & worker=$$!; \
	$(DEMO) $(PY) -m gunicorn tokenportal.wsgi --bind 127.0.0.1:$(PORT) --worker-class gthread --workers 2 --threads 8 \
	  --reuse-port --no-control-socket --log-level warning & server=$$!; \
	wait $$server

demo-reset:
	@rm -rf var/demo
	@echo "The demo's state is wiped."

demo-manage: $(VENV)/base.installed
	@$(DEMO) $(PY) manage.py $(ARGS)

run: $(VENV)/base.installed
	@test -f .env || { echo "Write your settings into .env first; .env.example shows them all." >&2; exit 1; }
	@asked="$(BIND)"; set -a; . ./.env; set +a; $(PY) manage.py migrate --verbosity 0 && $(PY) manage.py collectstatic --noinput --verbosity 0 && \
	exec $(PY) -m gunicorn tokenportal.wsgi --bind "$${asked:-$${BIND:-127.0.0.1:8000}}" --worker-class gthread --workers 2 --threads 12 --reuse-port \
	  --no-control-socket --log-level warning

test: $(VENV)/dev.installed
	@$(PY) -m pytest -n 2 --dist worksteal $(ARGS)

covered: $(VENV)/dev.installed
	@$(PY) -m pytest -n 2 $(COVERED) $(ARGS)

bench: $(VENV)/dev.installed
	@$(PY) -m tests.bench $(ARGS)

check: $(VENV)/dev.installed
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(TESTING) $(PY) -m mypy tokenportal
	$(PY) -m pytest -q tests/test_architecture.py
	$(TESTING) $(PY) manage.py makemigrations --check --dry-run
	@echo "manage.py check --deploy, in production mode"
	@keys=$$(mktemp -d); trap 'rm -rf "$$keys"' EXIT; \
	production() { env -i PATH="$$PATH" HOME="$$HOME" TOKENPORTAL_MODE=production KEYS_DIR="$$keys" \
	  PUBLIC_ORIGIN=https://tokens.example.com DATABASE_URL="sqlite:///$$keys/portal.sqlite3" $(PY) manage.py "$$@"; }; \
	production make_keys "$$keys" >/dev/null && production check --deploy --fail-level WARNING
