# Every target does the set-up it needs first, does nothing that is done, and may be repeated.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= /usr/bin/python3
VENV ?= .venv
PYTEST ?= -n 2
BIN := $(abspath $(VENV))/bin

# docs/dependencies.md tells what each is for.
TO_BUILD := python3-venv gcc libc6-dev musl-tools
TO_RUN := busybox-static ca-certificates dnsmasq-base iproute2 libseccomp2 nftables procps uidmap util-linux xz-utils
TO_IMPORT := python3-jeepney python3-urllib3
TO_TEST := lxc lxc-templates python3-lxc man-db fish btrfs-progs dbus-daemon e2fsprogs rsync iptables openssl wget skopeo umoci jq isc-dhcp-client
TO_BENCH := lxc python3-lxc rsync crun runc bubblewrap systemd-container
TO_EMULATE := qemu-system-x86 debootstrap e2fsprogs

# All that tools leave behind goes into the virtual environment.
export PATH := $(BIN):$(PATH)
export LXC_BIN := $(BIN)
export PYTHONDONTWRITEBYTECODE := 1
export MYPY_CACHE_DIR := $(VENV)/cache/mypy
export RUFF_CACHE_DIR := $(VENV)/cache/ruff
export HYPOTHESIS_STORAGE_DIRECTORY := $(VENV)/cache/hypothesis
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## */\t/' | expand -t 8

deps:  ## install the Debian packages that are missing
	@tools/packages $(TO_BUILD) $(TO_RUN) $(TO_TEST) $(TO_EMULATE)

build: $(VENV)/built  ## make .venv: bin/lxc-* and a python that can import lxc

PREFIX ?= /usr/local

install: $(VENV)/tools  ## into the system: commands, Python package, units, manual pages (root; PREFIX=/usr/local DESTDIR=)
	@[ -n "$(DESTDIR)" ] || tools/packages $(TO_RUN) $(TO_IMPORT)
	@python tools/install.py --python=$(PYTHON) --destdir="$(DESTDIR)" $(PREFIX) $(VENV)/system; $(give_back)

uninstall: $(VENV)/tools  ## what install has put there, and nothing else
	@python tools/install.py --python=$(PYTHON) --destdir="$(DESTDIR)" --remove $(PREFIX) $(VENV)/system

demo: build  ## show a container's life (root)
	@tools/packages $(TO_RUN)
	@demo/demo.sh $(BIN)

test: build deps  ## run all tests that this user may run on this machine (most of them: root)
	@tests/twice $(VENV)/tests/here/record $(PYTEST)
	@$(give_back)

# All integration tests, each on one of its examples: on all of them takes hours there (TESTS=tests/kernel).
TESTS ?= tests/kernel tests/native tests/parity tests/services --sample 1

vm-test: build  ## run tests in a virtual machine with systemd, AppArmor, CRIU (TESTS='tests/kernel/cgroups -k limit')
	@tools/packages $(TO_EMULATE)
	@tests/vm/run $(TESTS)
	@$(give_back)

summary:  ## after test and vm-test: how many tests ran where; fails if one ran nowhere
	@python tests/vm/summary.py $(wildcard $(VENV)/tests/here $(VENV)/tests/vm-*)

vm-shell: build  ## be root in that machine
	@tools/packages $(TO_EMULATE)
	@tests/vm/run --shell

check: build  ## what a commit must pass: format, lint, types, house rules, and that each test can be found
	@ruff format --check --quiet . && ruff check --quiet . && mypy && pytest -q -p no:cacheprovider tests/house
	@pytest -p no:cacheprovider --collect-only --quiet tests >$(VENV)/collected || { tail -n 40 $(VENV)/collected; exit 1; }
	@$(give_back)

fix:  ## mend what the tools can mend themselves
	@ruff check --fix --quiet . ; ruff format --quiet .

docs: $(VENV)/tools  ## make docs/man and completions anew from the tables
	@python tools/documents.py

ROUNDS ?= 10
MOST ?= 100
KEEP ?= $(VENV)/bench

bench: build $(VENV)/bench/floor  ## compare our times with other runtimes' (root; ROWS='start ls-*' ROUNDS=20 MOST=500)
	@tools/packages $(TO_RUN) $(TO_BENCH)
	@status=0; set -f; python -m bench --rows $(ROWS) --rounds $(ROUNDS) --most $(MOST) --keep $(KEEP) $(if $(ADD),--add) || status=$$?; $(give_back); exit $$status

clean:  ## remove the virtual environment, which holds all that was built
	rm -rf $(VENV) build

# ---- the virtual environment ---------------------------------------------------------------------------------------

SOURCES := $(shell find src native bin services tools completions docs/man meson.build meson.options README.md -not -name '*.pyc' -not -name __pycache__)

# Done as root in somebody's clone, the files are still his.
give_back = if [ $$(id -u) = 0 ]; then chown -R --reference=Makefile $(VENV); fi

$(VENV)/tools: pyproject.toml
	@tools/packages $(TO_BUILD)
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb")); \
	    print(*project["build-system"]["requires"], *project["project"]["dependencies"], *project["project"]["optional-dependencies"]["test"], sep="\n")' \
	    > $(VENV)/requirements
	@tools/persist flock $(VENV) pip install -qq --requirement $(VENV)/requirements
	@touch $@; $(give_back)

$(VENV)/built: $(VENV)/tools $(SOURCES)
	@flock $(VENV) pip install -qq --no-build-isolation --no-deps --config-settings=build-dir=$(VENV)/wheel .
	@touch $@; $(give_back)

$(VENV)/bench/floor: bench/floor.c
	@tools/packages $(TO_BUILD)
	@mkdir -p $(@D)
	@gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -o $@ $<

.PHONY: help deps build install uninstall demo test vm-test summary vm-shell check fix docs bench clean
