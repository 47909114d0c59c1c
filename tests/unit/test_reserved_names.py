"""The lists of names that a service cannot have keep up with what the service is built on."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml

TEMPLATES = Path(__file__).parents[2] / "templates"


def test_every_module_of_this_python_is_reserved() -> None:
    names = yaml.safe_load((TEMPLATES / "shared" / "python-names.yml").read_text())

    assert {name for name in sys.stdlib_module_names if name[0].islower()} <= set(names["standard_library"])


def test_every_dependency_of_django_services_is_reserved() -> None:
    manifest = (TEMPLATES / "django" / "pyproject.toml.jinja").read_text()
    reserved = yaml.safe_load((TEMPLATES / "django" / "reserved.yml").read_text())
    required = set(re.findall(r'^\s+"([a-z0-9-]+)(?:\[[a-z,]+\])?>=', manifest, re.MULTILINE))

    assert "djangorestframework" in required
    assert required <= set(reserved["projects"])


def test_every_dependency_of_express_services_is_reserved() -> None:
    manifest = (TEMPLATES / "express" / "package.json.jinja").read_text()
    reserved = yaml.safe_load((TEMPLATES / "express" / "reserved.yml").read_text())
    # A scoped package can have no name that a project can have.
    required = set(re.findall(r'^    "([a-z0-9-]+)": "[~^]?[0-9]', manifest, re.MULTILINE))

    assert "express" in required
    assert required <= set(reserved["projects"])
