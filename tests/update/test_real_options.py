"""The real templates: an option set in a project gives what a project made with it has, byte for byte, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import copier
import pytest
from tests.stack_files import STACKS, oldest_releases
from tests.update.conftest import commit, git

from scaffold.history import releases

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke

ROOT = Path(__file__).parents[2]
OPTIONS = {"sample": "false", "redis": "true", "database": "postgresql", "ci": "gitlab"}


@pytest.mark.parametrize("stack", STACKS)
def test_set_is_what_new_would_have_made_and_back_is_as_before(stack: str, work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack).code == 0
    shop = work / "shop"
    first = git(shop, "rev-parse", "HEAD^{tree}")
    was = invoke("status", shop, "--json").envelope["result"]["options"]
    for key, value in OPTIONS.items():
        assert invoke("new", "shop", "-s", stack, "-d", f"{key}={value}", "-o", key).code == 0

        assert invoke("set", f"{key}={value}", "--project", shop).code == 0
        assert git(shop, "rev-parse", "HEAD^{tree}") == git(work / key / "shop", "rev-parse", "HEAD^{tree}")
        assert invoke("set", f"{key}={str(was[key]).lower()}", "--project", shop).code == 0
        assert git(shop, "rev-parse", "HEAD^{tree}") == first

    for key, value in OPTIONS.items():
        assert invoke("set", f"{key}={value}", "--project", shop).code == 0
    assert invoke("new", "shop", "-s", stack, *_pairs(), "-o", "all").code == 0
    assert git(shop, "rev-parse", "HEAD^{tree}") == git(work / "all/shop", "rev-parse", "HEAD^{tree}")


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.usefixtures("work")
def test_a_new_project_is_up_to_date_and_not_drifted(stack: str, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack, *_pairs()).code == 0

    assert invoke("status", "shop", "--exit-code").code == 0
    assert invoke("diff", "shop").out == ""
    assert invoke("update", "shop", "--json").envelope["result"]["state"] == "nothing-to-do"
    assert invoke("diff", "shop", "--template").out == ""


@pytest.mark.parametrize("stack", STACKS)
def test_edits_survive_a_change_of_options(stack: str, work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack).code == 0
    shop = work / "shop"
    heading, _, rest = (shop / "README.md").read_text().partition("\n")
    (shop / "README.md").write_text(f"{heading}\n\nOurs.\n{rest}")
    (shop / "docs").mkdir(exist_ok=True)
    (shop / "docs/ours.md").write_text("Ours.\n")
    git(shop, "commit", "--all", "--quiet", "--message", "Ours")

    assert invoke("set", "redis=true", "database=postgresql", "--project", shop).code == 0

    assert (shop / "README.md").read_text().startswith(f"{heading}\n\nOurs.\n")
    drift = invoke("status", shop, "--json").envelope["result"]
    assert drift["drifted"] == ["README.md"]
    assert drift["options"]["database"] == "postgresql"


def _pairs() -> list[str]:
    return [word for key, value in OPTIONS.items() for word in ("-d", f"{key}={value}")]


@pytest.mark.parametrize("stack", oldest_releases())
@pytest.mark.filterwarnings("ignore")  # Copier's own
def test_plain_copier_comes_as_far_as_it_can(stack: str, work: Path) -> None:
    oldest = next(release for release in releases.read(ROOT) if release.version == oldest_releases()[stack])
    git(work, "clone", "--quiet", "--no-local", str(ROOT), "templates")
    templates = work / "templates"
    git(templates, "tag", "--force", f"v{oldest.version}", oldest.commit)
    git(templates, "tag", "v999.0.0")
    shop, data = work / "shop", {"stack": stack, "project_name": "shop"}
    copier.run_copy(str(templates), shop, data=data, vcs_ref=f"v{oldest.version}", defaults=True, quiet=True)
    git(work, "init", "--quiet", "shop")
    commit(shop)

    # It renders the old version with the new list of what to leave out.
    copier.run_update(str(shop), defaults=True, overwrite=True, quiet=True)

    assert "_commit: v999.0.0\n" in (shop / ".copier-answers.yml").read_text()
    assert not (shop / ".github/workflows/update.yml").exists()
