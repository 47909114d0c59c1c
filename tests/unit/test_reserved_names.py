"""The lists of names that a service cannot have keep up with what the service is built on."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml
from tests.stack_files import STACKS, described

TEMPLATES = Path(__file__).parents[2] / "templates"


def test_every_module_of_this_python_is_reserved() -> None:
    names = yaml.safe_load((TEMPLATES / "shared" / "python-names.yml").read_text())

    assert {name for name in sys.stdlib_module_names if name[0].islower()} <= set(names["standard_library"])


@pytest.mark.parametrize("stack", [stack for stack in STACKS if described(stack)["manifest"]])
def test_every_dependency_of_services_is_reserved(stack: str) -> None:
    manifest = described(stack)["manifest"]
    text = (TEMPLATES / stack / manifest["file"]).read_text()
    reserved = yaml.safe_load((TEMPLATES / stack / "reserved.yml").read_text())
    required = set(re.findall(manifest["pattern"], text, re.MULTILINE))

    assert len(required) > 10
    assert required <= set(reserved["projects"])
