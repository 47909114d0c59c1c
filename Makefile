# The commands of the README. All make .venv with tox in it; tox does the rest (see tox.toml).
.DEFAULT_GOAL := help
.PHONY: help demo install test servers

PYTHON ?= python3

help:
	@echo "make demo      makes a service, starts it and proves it"
	@echo "make install   puts the command into .venv/bin/scaffold"
	@echo "make test      all tests of scaffold; installs or names the servers that they need"

demo: .venv/bin/tox
	.venv/bin/tox run -e demo -- $(VERIFY)

install: .venv/bin/tox
	.venv/bin/pip install --quiet --disable-pip-version-check '.[verify]'

test: servers .venv/bin/tox
	.venv/bin/tox run

servers:
	@tests/install-servers

.venv/bin/tox:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check 'tox>=4.30' 'tox-uv>=1.28'
