"""The end of an update, whichever it is: nothing is called done that is not, and no way back costs the user's work."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.trees import snapshot
from tests.update.conftest import commit, git

from scaffold.updating import journal
from scaffold.vcs import worktree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke, Outcome
    from tests.update.sources import Templates

LATER = "a line of the template\n"
MINE = "two hours of work\n"
# What runs the tests may have chosen to ignore these signals.
ATTENTIVE = """
import signal

from scaffold.__main__ import main

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
main()
"""


@pytest.fixture
def in_conflict(project: Path, templates: Templates, invoke: Invoke) -> Path:
    """A project whose letter is in conflict with the new one."""
    templates.write("letter.txt", templates.file("letter.txt").read_text() + LATER)
    templates.write("added.txt", LATER)
    templates.release("2.0.0")
    (project / "letter.txt").write_text("mine alone\n")
    commit(project)
    assert invoke("update", project, "--branch", "news").code == 3
    return project


def _error(outcome: Outcome) -> tuple[int, str]:
    error: dict[str, Any] = outcome.envelope["error"]
    return outcome.code, error["code"]


@pytest.mark.parametrize(
    "leave", [(), ("switch", "--quiet", "main"), ("branch", "--quiet", "--delete", "--force", "news")]
)
def test_abort_after_git_has_gone_back_touches_nothing(
    in_conflict: Path, leave: tuple[str, ...], invoke: Invoke
) -> None:
    git(in_conflict, "reset", "--quiet", "--hard")
    if leave:
        git(in_conflict, "switch", "--quiet", "main")
        git(in_conflict, *leave)
    (in_conflict / "code.py").write_text(MINE)
    (in_conflict / "added.txt").touch()
    before = snapshot(in_conflict)

    assert _error(invoke("update", in_conflict, "--abort", "--json")) == (1, "nothing-under-way")
    assert _error(invoke("update", in_conflict, "--json")) == (1, "dirty-tree")

    assert snapshot(in_conflict) == before


def test_abort_keeps_what_was_edited_beside_a_conflict(in_conflict: Path, invoke: Invoke) -> None:
    (in_conflict / "code.py").write_text(MINE)

    assert invoke("update", in_conflict, "--abort").code == 0

    assert (in_conflict / "code.py").read_text() == MINE
    assert (in_conflict / "letter.txt").read_text() == "mine alone\n"


def test_abort_of_an_interrupted_update_keeps_what_came_later(
    project: Path, templates: Templates, work: Path, invoke: Invoke
) -> None:
    templates.write("letter.txt", LATER)
    templates.release("2.0.0")
    planned = invoke("update", project, "--json")
    assert planned.code == 0
    head = git(project, "rev-parse", "HEAD~1")
    tree = worktree.open_work_tree(project, work)
    entry = journal.Entry("update", "News", head, "0" * 40, git(project, "rev-parse", "HEAD^{tree}"), None, None)
    # As a kill leaves it: one file is written, and nothing is committed.
    git(project, "reset", "--quiet", "--hard", head)
    (project / "letter.txt").write_text(LATER)
    journal.write(tree, entry)
    (project / "code.py").write_text(MINE)

    refused = invoke("update", project, "--abort", "--json")

    assert _error(refused) == (1, "dirty-tree")
    assert "code.py" in refused.envelope["error"]["message"]
    assert "letter.txt" not in refused.envelope["error"]["message"]
    assert (project / "code.py").read_text() == MINE
    git(project, "checkout", "--", "code.py")
    assert invoke("update", project, "--abort").code == 0
    assert git(project, "status", "--porcelain") == ""


def test_abort_after_git_was_killed_while_it_picked(in_conflict: Path, work: Path, invoke: Invoke) -> None:
    tree = worktree.open_work_tree(in_conflict, work)
    entry = journal.read(tree)
    assert entry is not None
    # Nobody has noted that there are conflicts, nor removed the lock.
    journal.write(tree, replace(entry, conflicts=None))
    (in_conflict / ".git/index.lock").touch()

    under_way = invoke("status", in_conflict, "--json").envelope["result"]["under_way"]
    assert "interrupted" in under_way["message"]
    assert "--abort" in under_way["hint"]
    assert _error(invoke("update", in_conflict, "--continue", "--json")) == (1, "under-way")
    assert invoke("update", in_conflict, "--abort").code == 0

    assert git(in_conflict, "status", "--porcelain", "--branch") == "## main"
    assert (in_conflict / "letter.txt").read_text() == "mine alone\n"
    assert not (in_conflict / ".git/CHERRY_PICK_HEAD").exists()


def test_abort_after_git_was_killed_once_it_had_committed(
    project: Path, templates: Templates, work: Path, invoke: Invoke
) -> None:
    templates.write("letter.txt", LATER)
    templates.release("2.0.0")
    before = snapshot(project), git(project, "rev-parse", "HEAD")
    assert invoke("update", project).code == 0
    tree, done = worktree.open_work_tree(project, work), git(project, "rev-parse", "HEAD")
    result = git(project, "rev-parse", "HEAD^{tree}")
    journal.write(tree, journal.Entry("update", "News", before[1], done, result, None, None))
    # Git forgets what it picks after it has committed.
    git(project, "update-ref", "CHERRY_PICK_HEAD", done)

    assert invoke("update", project, "--abort").code == 0

    assert (snapshot(project), git(project, "rev-parse", "HEAD")) == before
    assert git(project, "status", "--porcelain") == ""
    assert not (project / ".git/CHERRY_PICK_HEAD").exists()


@pytest.mark.parametrize(
    ("name", "flags"),
    [("index.lock", []), ("index.lock", ["--branch", "news"]), ("refs/heads/news.lock", ["--branch", "news"])],
)
def test_the_lock_of_another_git_stays(
    name: str, flags: list[str], project: Path, templates: Templates, invoke: Invoke
) -> None:
    templates.write("letter.txt", LATER)
    templates.release("2.0.0")
    lock = project / ".git" / name
    lock.touch()

    outcome = invoke("update", project, *flags, "--json")

    assert _error(outcome) == (1, "git-failed")
    assert lock.exists()
    assert git(project, "branch", "--format=%(refname:short)") == "main"
    assert journal.read(worktree.open_work_tree(project, project)) is None
    lock.unlink()
    assert invoke("update", project, *flags).code == 0


def test_a_folder_that_went_to_two_places_is_a_conflict(project: Path, templates: Templates, invoke: Invoke) -> None:
    for name, place in {"one": "a", "two": "b"}.items():
        moved = templates.file(f"{place}/{name}.txt")
        moved.parent.mkdir()
        templates.file(f"folder/{name}.txt").rename(moved)
    templates.file("folder/three.txt").unlink()
    templates.release("2.0.0")
    (project / "folder/new.txt").write_text("mine\n")
    commit(project)
    planned = invoke("update", project, "--dry-run", "--json")

    done = invoke("update", project, "--json")

    for outcome, state in ((planned, "planned"), (done, "conflicts")):
        assert _error(outcome) == (3, "conflicts")
        assert outcome.envelope["result"]["state"] == state
        assert outcome.envelope["result"]["conflicts"] == [{"path": "folder", "kind": "directory rename unclear split"}]
    assert invoke("update", project, "--continue").code == 0
    assert (project / "folder/new.txt").read_text() == "mine\n"
    assert invoke("status", project, "--json").envelope["result"]["version"] == "2.0.0"


def test_what_cannot_be_committed_is_taken_back(project: Path, templates: Templates, invoke: Invoke) -> None:
    templates.write("letter.txt", LATER)
    templates.write("added.txt", LATER)
    templates.release("2.0.0")
    before = snapshot(project)
    (project / ".git/refs/heads/main.lock").touch()

    failed = invoke("update", project, "--json")

    assert _error(failed) == (1, "git-failed")
    assert "main.lock" in failed.envelope["error"]["message"]
    assert snapshot(project) == before
    (project / ".git/refs/heads/main.lock").unlink()
    assert invoke("update", project).code == 0


def test_what_git_has_resolved_by_itself_is_still_to_be_looked_at(in_conflict: Path, invoke: Invoke) -> None:
    git(in_conflict, "config", "rerere.enabled", "true")
    git(in_conflict, "config", "rerere.autoUpdate", "true")
    assert invoke("update", in_conflict, "--abort").code == 0
    assert invoke("update", in_conflict).code == 3
    (in_conflict / "letter.txt").write_text("both\n")
    git(in_conflict, "add", "letter.txt")
    git(in_conflict, "rerere")
    assert invoke("update", in_conflict, "--abort").code == 0

    again = invoke("update", in_conflict, "--json")

    assert _error(again) == (3, "conflicts")
    assert again.envelope["result"]["state"] == "conflicts"
    assert invoke("update", in_conflict, "--continue").code == 0
    assert (in_conflict / "letter.txt").read_text() == "both\n"


def test_abort_where_a_file_stands_for_a_folder(project: Path, templates: Templates, invoke: Invoke) -> None:
    templates.write("folder/one.txt", LATER)
    templates.release("2.0.0")
    git(project, "rm", "-r", "--quiet", "folder")
    (project / "folder").write_text("mine\n")
    commit(project)
    before = snapshot(project)
    assert invoke("update", project).code == 3

    assert invoke("update", project, "--abort").code == 0

    assert snapshot(project) == before
    assert git(project, "status", "--porcelain") == ""


def test_a_title_is_no_conflict_marker(in_conflict: Path, invoke: Invoke) -> None:
    (in_conflict / "letter.txt").write_text("Title\n=======\n")
    git(in_conflict, "add", "--all")

    assert invoke("update", in_conflict, "--continue").code == 0


def test_a_sample_of_markers_was_there_before(project: Path, templates: Templates, invoke: Invoke) -> None:
    sample = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n"
    templates.write("letter.txt", templates.file("letter.txt").read_text() + LATER)
    templates.release("2.0.0")
    (project / "letter.txt").write_text(f"mine alone\n{sample}")
    commit(project)
    assert invoke("update", project).code == 3
    conflict = (project / "letter.txt").read_text()
    git(project, "add", "letter.txt")
    assert invoke("update", project, "--continue").code == 3
    (project / "letter.txt").write_text(f"mine and theirs\n{sample}")
    git(project, "add", "letter.txt")

    assert conflict.count("<<<<<<<") == 2
    assert invoke("update", project, "--continue").code == 0


def test_markers_that_are_left_are_found(in_conflict: Path, invoke: Invoke) -> None:
    git(in_conflict, "add", "--all")

    refused = invoke("update", in_conflict, "--continue", "--json")

    assert _error(refused) == (3, "conflicts")
    assert "letter.txt" in refused.envelope["error"]["message"]


def test_status_and_plan_tell_that_another_is_at_work(newer_lock: Path, invoke: Invoke) -> None:
    told = invoke("status", newer_lock, "--json").envelope["result"]["under_way"]

    assert "at work" in told["message"]
    assert _error(invoke("update", newer_lock, "--dry-run", "--json")) == (1, "busy")


@pytest.fixture
def newer_lock(project: Path, templates: Templates, work: Path) -> Any:
    """A project in which another scaffold is at work."""
    templates.write("letter.txt", LATER)
    templates.release("2.0.0")
    with journal.exclusive(worktree.open_work_tree(project, work)):
        yield project


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_cancelled_in_the_middle_it_is_as_it_was(
    number: signal.Signals, project: Path, templates: Templates, invoke: Invoke
) -> None:
    templates.write("letter.txt", LATER)
    templates.write("added.txt", LATER)
    templates.release("2.0.0")
    # Git is in the middle for as long as it takes to write the letter.
    (project / ".gitattributes").write_text("letter.txt filter=slow\n")
    git(project, "config", "filter.slow.smudge", "touch .git/begun; sleep 10; cat")
    commit(project)
    before = snapshot(project)
    (project / ".git/begun").unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-c", ATTENTIVE, "update", str(project)], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (project / ".git/begun").exists():
        assert time.monotonic() < deadline, process.poll()
        time.sleep(0.01)

    process.send_signal(number)

    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert snapshot(project) == before
    assert git(project, "status", "--porcelain") == ""
    assert not (project / ".git/index.lock").exists()
    assert invoke("status", project, "--json").envelope["result"]["under_way"] is None


@pytest.mark.parametrize("branch", ["main", "main/sub", "a..b", "", "@{-1}"])
def test_a_plan_knows_that_there_can_be_no_such_branch(branch: str, project: Path, invoke: Invoke) -> None:
    assert _error(invoke("set", "extra=true", "-C", project, "--branch", branch, "--dry-run", "--json")) == (
        2,
        "branch-taken",
    )


def test_verify_inside_a_hook_works_on_the_trial(
    project: Path, templates: Templates, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    templates.write(
        "Makefile",
        "setup check:\n\tgit rev-parse --show-toplevel > $(CURDIR)/where\n\tgit -C . commit --quiet --allow-empty -m trial\n",
    )
    templates.release("2.0.0")
    monkeypatch.setenv("GIT_DIR", str(project / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(project))

    assert invoke("update", project, "--verify").code == 0

    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_WORK_TREE")
    assert "trial" not in git(project, "log", "--format=%s")


@pytest.mark.parametrize("where", ["nosuch", "pot/letter.txt"])
@pytest.mark.parametrize("end", ["--continue", "--abort"])
def test_where_there_is_nothing_to_end(where: str, end: str, project: Path, invoke: Invoke) -> None:
    expected = "not-a-project" if where == "nosuch" else "nothing-under-way"

    assert _error(invoke("update", project.parent / where, end, "--json")) == (1, expected)


def test_a_repository_that_cannot_be_written(project: Path, invoke: Invoke) -> None:
    (project / ".git/scaffold/lock").mkdir(parents=True)

    assert _error(invoke("set", "extra=true", "-C", project, "--json")) == (1, "write-failed")
