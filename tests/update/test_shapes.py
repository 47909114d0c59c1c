"""Projects and templates of odd shapes: what is a folder here is a file there, and names that nobody expects."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.trees import snapshot
from tests.update.conftest import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke, Outcome
    from tests.update.sources import Templates

MINE = "mine\n"
LATER = "a line of the template\n"


def _folder_becomes(templates: Templates, kind: str) -> None:
    shutil.rmtree(templates.file("folder"))
    if kind == "file":
        templates.write("folder", LATER)
    else:
        templates.file("folder").symlink_to("letter.txt")
    templates.release("2.0.0")


def _ignored(project: Path) -> None:
    (project / ".gitignore").write_text("secret.env\n")
    commit(project)


@pytest.mark.parametrize("flags", [["--dry-run"], []], ids=str)
@pytest.mark.parametrize("ignore", [True, False])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_git_does_not_know_stays_where_a_folder_goes(
    kind: str,
    ignore: bool,  # noqa: FBT001
    flags: list[str],
    project: Path,
    templates: Templates,
    invoke: Invoke,
) -> None:
    if ignore:
        _ignored(project)
    _folder_becomes(templates, kind)
    (project / "folder/deep").mkdir()
    (project / "folder/deep/secret.env").write_text(MINE)
    before = snapshot(project)

    outcome = invoke("update", project, *flags, "--json")

    assert (outcome.code, outcome.envelope["error"]["code"]) == (1, "in-the-way")
    assert "folder/deep/secret.env" in outcome.envelope["error"]["message"]
    assert snapshot(project) == before


@pytest.mark.parametrize("kind", ["file", "link"])
def test_empty_folders_are_in_nobodys_way(kind: str, project: Path, templates: Templates, invoke: Invoke) -> None:
    _folder_becomes(templates, kind)
    (project / "folder/empty/deeper").mkdir(parents=True)
    templates.write("new.txt", LATER)
    templates.release("2.0.1")
    (project / "new.txt/empty/deeper").mkdir(parents=True)

    outcome = invoke("update", project, "--json")

    assert outcome.code == 0, outcome.out
    assert (project / "folder").is_symlink() == (kind == "link")
    assert (project / "new.txt").read_text() == LATER


def _submodule(project: Path, name: str) -> None:
    library = project.parent / "library"
    git(project.parent, "init", "--quiet", "library")
    (library / "file.txt").write_text(MINE)
    commit(library)
    git(project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), name)
    commit(project)


def _conflict(outcome: Outcome) -> str:
    return " ".join(conflict["path"] for conflict in outcome.envelope["result"]["conflicts"])


def test_a_submodule_swallows_nothing_of_the_template(project: Path, templates: Templates, invoke: Invoke) -> None:
    _submodule(project, "lib")
    templates.write("lib/new.txt", LATER)
    templates.release("2.0.0")
    before = snapshot(project)

    planned = invoke("update", project, "--dry-run", "--json")
    outcome = invoke("update", project, "--json")

    assert planned.code == 3
    assert "lib" in _conflict(planned)
    assert outcome.code == 3
    assert invoke("update", project, "--abort").code == 0
    assert snapshot(project) == before


def test_a_submodule_instead_of_a_folder(project: Path, templates: Templates, invoke: Invoke) -> None:
    git(project, "rm", "-rq", "folder")
    _submodule(project, "folder")
    templates.write("folder/one.txt", templates.file("folder/one.txt").read_text() + LATER)
    templates.release("2.0.0")
    before = snapshot(project)

    drift = invoke("status", project, "--json").envelope["result"]["drift"]
    planned = invoke("update", project, "--dry-run", "--json")
    outcome = invoke("update", project, "--json")

    assert drift["deleted"] == 3
    assert planned.code == 3
    assert "folder/one.txt" in _conflict(planned)
    assert outcome.code == 3
    assert invoke("update", project, "--abort").code == 0
    assert snapshot(project) == before
    assert git(project / "folder", "rev-parse", "--show-prefix") == ""
    assert git(project, "status", "--porcelain") == ""


def _attributes(project: Path, folder: str) -> None:
    (project / folder).mkdir()
    (project / folder / ".gitattributes").write_text("*.txt text\n")


@pytest.mark.parametrize("command", [["status"], ["diff"], ["update", "--dry-run"], ["update"]], ids=" ".join)
def test_attributes_are_never_written_through_a_link(
    command: list[str], project: Path, templates: Templates, work: Path, invoke: Invoke
) -> None:
    elsewhere = work / "elsewhere"
    elsewhere.mkdir()
    templates.file("config").symlink_to(elsewhere)
    templates.release("2.0.0")
    assert invoke("update", project).code == 0
    (project / "config").unlink()
    _attributes(project, "config")
    commit(project)
    templates.write("new.txt", LATER)
    templates.release("2.1.0")

    outcome = invoke(*command, project)

    assert outcome.code == 0, outcome.err
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("folder", ["code.py", ":x", ":(glob)**", "own"])
def test_attributes_of_folders_that_were_not_rendered(
    folder: str, project: Path, templates: Templates, invoke: Invoke
) -> None:
    (project / "code.py").unlink()
    _attributes(project, folder)
    commit(project)
    templates.write("new.txt", LATER)
    templates.release("2.0.0")

    assert invoke("status", project).code == 0
    assert invoke("diff", project).code == 0
    assert invoke("update", project).code == 0
    assert (project / "new.txt").read_text() == LATER
    assert (project / folder / ".gitattributes").is_file()


def test_a_tab_in_the_name_of_an_own_file(project: Path, invoke: Invoke) -> None:
    (project / "tab\there.txt").write_text(MINE)

    status = invoke("status", project, "--json")
    outcome = invoke("diff", project, "--stat")

    assert status.envelope["result"]["drift"]["added"] == 1
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("name", ["line\nfeed", "line\nfeed/inside"])
def test_a_line_feed_in_the_name_of_a_folder_above(
    name: str, project: Path, templates: Templates, work: Path, invoke: Invoke
) -> None:
    moved = work / name
    moved.parent.mkdir(exist_ok=True)
    project.rename(moved)
    if "/" in name:
        # Further up, in a repository around the project, the line feed is in what git calls the prefix.
        shutil.rmtree(moved / ".git")
        git(work, "init", "--quiet")
        commit(work)
    templates.write("new.txt", LATER)
    templates.release("2.0.0")

    assert invoke("status", moved).code == 0
    assert invoke("diff", moved).code == 0
    assert invoke("update", moved).code == 0
    assert (moved / "new.txt").read_text() == LATER


def _beside(work: Path, templates: Templates, invoke: Invoke, stack: str) -> Path:
    made = invoke("new", "service", "-s", stack, "--template", templates.origin, "--no-git", "--output", work / "mono")
    assert made.code == 0, made.err
    return work / "mono/service"


def test_a_project_made_anew_with_another_stack(work: Path, templates: Templates, invoke: Invoke) -> None:
    templates.release("1.0.0")
    service = _beside(work, templates, invoke, "two")
    git(work / "mono", "init", "--quiet")
    commit(work / "mono")
    git(work / "mono", "rm", "-rq", "service")
    commit(work / "mono")
    _beside(work, templates, invoke, "one")
    commit(work / "mono")
    templates.write("new.txt", LATER)
    templates.release("2.0.0")

    outcome = invoke("update", service)

    assert outcome.code == 0, outcome.err
    assert (service / "new.txt").read_text() == LATER


def test_conflicts_elsewhere_do_not_stop_reading(work: Path, templates: Templates, invoke: Invoke) -> None:
    templates.release("1.0.0")
    service, mono = _beside(work, templates, invoke, "one"), work / "mono"
    (mono / "other.txt").write_text("base\n")
    git(mono, "init", "--quiet", "--initial-branch=main")
    commit(mono)
    git(mono, "checkout", "--quiet", "-b", "beside")
    (mono / "other.txt").write_text("theirs\n")
    commit(mono)
    git(mono, "checkout", "--quiet", "main")
    (mono / "other.txt").write_text("ours\n")
    commit(mono)
    subprocess.run(["git", "merge", "--quiet", "beside"], cwd=mono, capture_output=True, check=False)
    (service / "letter.txt").write_text(MINE)
    index = (mono / ".git/index").read_bytes()

    status = invoke("status", service, "--json")
    outcome = invoke("diff", service)

    assert status.code == 0, status.out
    assert status.envelope["result"]["drifted"] == ["letter.txt"]
    assert (outcome.code, "+mine" in outcome.out) == (0, True)
    assert (mono / ".git/index").read_bytes() == index


FLAGS = ["--assume-unchanged", "--skip-worktree"]


@pytest.mark.parametrize("flag", FLAGS)
def test_edits_that_git_was_told_to_overlook(flag: str, project: Path, templates: Templates, invoke: Invoke) -> None:
    templates.write("letter.txt", templates.file("letter.txt").read_text() + LATER)
    templates.release("2.0.0")
    git(project, "update-index", flag, "letter.txt", "code.py")
    (project / "letter.txt").write_text(MINE)
    index = (project / ".git/index").read_bytes()

    assert invoke("status", project, "--json").envelope["result"]["drifted"] == ["letter.txt"]
    assert "+mine" in invoke("diff", project).out
    for flags in (["--dry-run"], []):
        outcome = invoke("update", project, *flags, "--json")
        assert (outcome.code, outcome.envelope["error"]["code"]) == (1, "dirty-tree")
        assert "code.py" not in outcome.envelope["error"]["message"]
    assert (project / ".git/index").read_bytes() == index


@pytest.mark.parametrize("index", ["--no-sparse-index", "--sparse-index"])
def test_what_a_sparse_checkout_leaves_out_was_not_deleted(
    index: str, project: Path, templates: Templates, invoke: Invoke
) -> None:
    git(project, "sparse-checkout", "set", "--cone", index, "own")
    assert not (project / "folder").exists()
    templates.write("new.txt", LATER)
    templates.release("2.0.0")

    assert invoke("status", project, "--json").envelope["result"]["drifted"] == []
    assert invoke("update", project).code == 0
    assert (project / "new.txt").read_text() == LATER


def test_names_that_collide_already(project: Path, templates: Templates, invoke: Invoke) -> None:
    (project / "own").mkdir()
    for name in ("own/NAME.txt", "own/name.txt"):
        (project / name).write_text(name)
    commit(project)
    git(project, "config", "core.ignoreCase", "true")
    templates.write("new.txt", LATER)
    templates.release("2.0.0")

    outcome = invoke("update", project)

    assert outcome.code == 0, outcome.err


def test_a_repository_of_somebody_else(project: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke) -> None:
    # By this, git's own tests make it believe so.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    error = invoke("update", project, "--json").envelope["error"]

    assert error["code"] == "repository-refused"
    assert "dubious ownership" in error["message"]
    assert "safe.directory" in error["hint"]
