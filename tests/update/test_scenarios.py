"""What comes of each kind of edit beside each kind of change of the template, and what plain Copier makes of it.

No byte of the user's is lost without a conflict. What Copier does is not quoted but run, on the same case. All cases
are played on the small source, one of each kind on the real stacks, or all with SCAFFOLD_SCENARIOS=all.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import copier
import pytest
from tests.stack_files import STACKS
from tests.trees import contents, snapshot
from tests.update.conftest import commit, git
from tests.update.scenarios import CASES, MINE, THEIRS
from tests.update.stages import SMALL, Stage, copy, plainly, switches

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke
    from tests.update.scenarios import Case, Plain
    from tests.update.stages import Switch

EVERYWHERE = os.environ.get("SCAFFOLD_SCENARIOS") == "all"


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    """The sources; they and what is rendered from them outlive a test."""
    return {name: Stage(name, tmp_path_factory.mktemp(name)) for name in (SMALL, *STACKS)}


@pytest.fixture
def stage(
    stages: dict[str, Stage], name: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Stage:
    """One of the sources, and the cache that knows it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    return stages[name]


PLAYED = [
    pytest.param(name, case, switch, id=": ".join((name, case.name, *([str(switch)] if switch else []))))
    for name in (SMALL, *STACKS)
    for case in CASES
    if name == SMALL or case.everywhere or EVERYWHERE
    for switch in switches(name, case)
]


@pytest.mark.parametrize(("name", "case", "switch"), PLAYED)
def test_ours(case: Case, switch: Switch | None, stage: Stage, work: Path, invoke: Invoke) -> None:
    version, _ = stage.release(case.template, invoke)
    base = stage.ours(switch, invoke)
    pot, side = copy(base, stage.side(switch, case.part, invoke), work)
    case.user(side)
    commit(pot)
    mine = _mine(pot, base)
    before = _state(pot)
    wanted: list[str | Path] = ["update", pot, "--json", "--to", version, *_data(switch)]

    planned = invoke(*wanted, "--dry-run")
    assert _state(pot) == before, "a dry run leaves no trace"
    outcome = invoke(*wanted)

    code = 3 if case.outcome == "conflict" else 0
    assert (planned.code, outcome.code) == (code, code), outcome.out
    result = outcome.envelope["result"]
    assert _plan(planned.envelope["result"]) == _plan(result), "the plan is what happens"
    held = _held(pot)
    assert mine <= _lines(held), "nothing of the user's is lost"
    if case.outcome == "conflict":
        assert result["conflicts"]
        assert git(pot, "ls-files", "--unmerged")
        assert invoke("update", pot, "--abort").code == 0
        assert _state(pot) == before
        return
    assert git(pot, "status", "--porcelain") == ""
    if case.mine:
        assert MINE.strip().encode() in held[case.mine.format_map(side.names)]
    if case.theirs:
        assert THEIRS.strip().encode() in held[case.theirs.format_map(side.names)]
    assert invoke(*wanted).envelope["result"]["state"] == "nothing-to-do"


@pytest.mark.parametrize(("name", "case", "switch"), PLAYED)
@pytest.mark.filterwarnings("ignore")  # Copier's own
def test_plain_copier(case: Case, switch: Switch | None, stage: Stage, work: Path, invoke: Invoke) -> None:
    version, theirs = stage.release(case.template, invoke)
    base = stage.plain(switch)
    pot, side = copy(base, stage.side(switch, case.part, invoke), work)
    case.user(side)
    commit(pot)

    data = plainly({switch.option: switch.after}) if switch else {}
    assert _plainly(pot, version, _mine(pot, base), data, theirs=theirs) == case.plain


def _plainly(pot: Path, version: str, mine: set[bytes], data: dict[str, Any], *, theirs: bool) -> Plain:
    try:
        copier.run_update(pot, data=data, vcs_ref=f"v{version}", defaults=True, overwrite=True, quiet=True)
    except Exception:  # noqa: BLE001 - whatever it is, the user sees it
        return "failed"
    held = _held(pot)
    lines = _lines(held)
    if not mine <= lines:
        return "mine lost"
    if any(line.startswith(b"<<<<<<< ") for line in lines) or any(name.startswith("stage ") for name in held):
        return "unsaid conflict"
    if theirs and not any(THEIRS.strip().encode() in content for content in held.values()):
        return "theirs lost"
    return "clean"


def _held(root: Path) -> dict[str, bytes]:
    """Return what is on disk, and what git keeps beside it for files in conflict."""
    found = contents(root)
    for line in git(root, "ls-files", "--unmerged").splitlines():
        _, blob, stage, *_ = line.split()
        found[f"stage {stage} {blob}"] = git(root, "cat-file", "blob", blob).encode(errors="surrogateescape")
    return found


def _lines(files: dict[str, bytes]) -> set[bytes]:
    return {line for content in files.values() for line in content.replace(b"\r", b"").splitlines()}


def _mine(root: Path, base: Path) -> set[bytes]:
    """Return the lines that the user has written."""
    return _lines(contents(root)) - _lines(contents(base))


def _state(root: Path) -> tuple[dict[str, tuple[bytes, int]], str, str]:
    return snapshot(root), git(root, "rev-parse", "HEAD"), git(root, "status", "--porcelain", "--ignored")


def _plan(result: dict[str, Any]) -> dict[str, Any]:
    # Where two files want one name, git calls the template's after the commit, which is another one each time.
    text = re.sub(r"~[0-9a-f]{7,} ", "~", json.dumps({key: result[key] for key in ("changes", "conflicts", "touched")}))
    plan: dict[str, Any] = json.loads(text)
    return plan


def _data(switch: Switch | None) -> list[str]:
    return ["-d", f"{switch.option}={switch.after}"] if switch else []
