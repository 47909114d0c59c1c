"""Projects that have grown: what their owners added by the how-tos outlives every option that is set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.stack_files import STACKS, described
from tests.update.conftest import commit

sys.path.insert(0, str(Path(__file__).parents[1] / "guides"))
from guide import Step, steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import Invoke

OPTIONS = ("sample=false", "redis=true", "ci=gitlab", "license=MIT")
BACK = ("sample=true", "redis=false", "ci=github", "license=none")
RESOURCES = ("supplier", "carrier", "depot")


@pytest.mark.parametrize("stack", STACKS)
def test_three_resources_of_the_owners_survive_every_option(stack: str, work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack).code == 0
    shop = work / "shop"
    added = [step for resource in RESOURCES for step in _steps(shop, resource)]
    for step in added:
        step.carry_out(shop)
    commit(shop)
    own = {step.path: step.text for step in added if step.how is None}
    lines = [(step.path, step.text) for step in added if step.how is not None]
    assert len(own) >= 3 * 5
    assert len(lines) >= 3 * 3

    for answer in (*OPTIONS, *described(stack)["set"], *BACK):
        done = invoke("set", answer, "--project", shop, "--json")

        assert (done.code, done.envelope["result"]["conflicts"]) == (0, []), answer
        for path, text in own.items():
            assert (shop / path).read_text() == text, (answer, path)
        for path, text in lines:
            assert text in (shop / path).read_text(), (answer, path)


def _steps(shop: Path, resource: str) -> Iterator[Step]:
    """The how-tos' changes, for a resource of another name than theirs."""
    for guide in ("add-a-scope", "add-a-resource"):
        for step in steps((shop / "docs" / "how-to" / f"{guide}.md").read_text()):
            if isinstance(step, Step):
                yield Step(_named(step.path, resource), _named(step.text, resource), step.how, step.line, step.within)


def _named(text: str, resource: str) -> str:
    for spelling in (str.lower, str.upper, str.title):
        text = text.replace(spelling("supplier"), spelling(resource))
    return text
