"""Where an update is refused, with which code; and the odd places where it works."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.trees import snapshot
from tests.update.conftest import commit, git

from scaffold.history.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Invoke
    from tests.update.sources import Templates

LATER = "a line of the template\n"


@pytest.fixture
def newer(project: Path, templates: Templates) -> Path:
    """A project that can be updated: a file changes, one comes, one goes."""
    templates.write("letter.txt", templates.file("letter.txt").read_text() + LATER)
    templates.write("added/new.txt", LATER)
    templates.file("code.py").unlink()
    templates.release("2.0.0")
    return project


def _edit(name: str, content: str = "changed\n") -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)

    return edit


def _unborn(root: Path) -> None:
    git(root, "checkout", "--quiet", "--orphan", "fresh")


def _merging(root: Path) -> None:
    git(root, "checkout", "--quiet", "-b", "other")
    (root / "letter.txt").write_text("other\n")
    commit(root)
    git(root, "checkout", "--quiet", "main")
    (root / "letter.txt").write_text("this\n")
    commit(root)
    subprocess.run(["git", "merge", "--quiet", "other"], cwd=root, capture_output=True, check=False)


def _overlooked(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", "letter.txt")
    (root / "letter.txt").write_text("nobody looks\n")


def _answers(old: str, new: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        file = root / ".copier-answers.yml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        commit(root)

    return edit


def _no_repository(root: Path) -> None:
    subprocess.run(["rm", "-rf", root / ".git"], check=True)


def _ignored(root: Path) -> None:
    (root / ".git/info/exclude").write_text("added/\n")
    _edit("added/new.txt")(root)


def _forget(_: Path) -> None:
    subprocess.run(["rm", "-rf", open_store().root], check=True)


REFUSALS: dict[str, tuple[Callable[[Path], object], str, int]] = {
    "a changed file": (_edit("letter.txt"), "dirty-tree", 1),
    "a staged file": (lambda root: (_edit("x.txt")(root), git(root, "add", "x.txt")), "dirty-tree", 1),
    "a deleted file": (lambda root: (root / "letter.txt").unlink(), "dirty-tree", 1),
    "a change that git was told to overlook": (_overlooked, "dirty-tree", 1),
    "an untracked file in the way": (_edit("added/new.txt"), "in-the-way", 1),
    "an ignored file in the way": (_ignored, "in-the-way", 1),
    "a file where a folder is to be": (_edit("added"), "in-the-way", 1),
    "a link where a folder is to be": (lambda root: (root / "added").symlink_to(root.parent), "in-the-way", 1),
    "a detached HEAD": (lambda root: git(root, "checkout", "--quiet", "--detach"), "detached-head", 1),
    "an unborn HEAD": (_unborn, "no-commit", 1),
    "a merge under way": (_merging, "under-way", 1),
    "no repository": (_no_repository, "not-a-repository", 1),
    "answers that git does not know": (
        lambda root: (git(root, "rm", "--quiet", "--cached", ".copier-answers.yml"), git(root, "commit", "-qm", "x")),
        "no-commit",
        1,
    ),
    "answers that are no YAML": (_answers("size: small", "size: [small"), "answers-file", 2),
    "an answer of no option": (_answers("size: small", "size: small\nsugar: 3"), "answers-file", 2),
    "an answer of the wrong type": (_answers("extra: false", "extra: perhaps"), "answers-file", 2),
    "an answer that is no choice": (_answers("size: small", "size: huge"), "answers-file", 2),
    "no stack": (_answers("stack: one", "colour: one"), "answers-file", 2),
    "another stack": (_answers("stack: one", "stack: two"), "changed-stack", 2),
    "an unknown version": (_answers("_commit: v1.0.0", "_commit: v1.0.9"), "unknown-version", 1),
    "a version that was never released": (
        _answers("_commit: v1.0.0", "_commit: v1.0.0+3.t0123456789ab"),
        "unknown-version",
        1,
    ),
    "no version": (_answers("_commit: v1.0.0\n", ""), "unrecorded-version", 1),
    "an unknown place": (_answers("_src_path: local:", "_src_path: local:f"), "source-not-found", 1),
    "no place": (_answers("_src_path: local:", "_source: local:"), "source-not-found", 1),
    "an empty cache": (_forget, "source-not-found", 1),
}


SET = ["set", "size=large", "--project"]


@pytest.mark.parametrize(
    ("command", "name"),
    # What is set here writes no new file.
    [(["update"], name) for name in REFUSALS] + [(SET, name) for name in REFUSALS if "way" not in REFUSALS[name][1]],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_refused(command: list[str], name: str, newer: Path, invoke: Invoke) -> None:
    spoil, code, exit_code = REFUSALS[name]
    spoil(newer)
    before = snapshot(newer)

    for flags in (["--dry-run"], []):
        outcome = invoke(*command, newer, *flags, "--json")

        assert outcome.code == exit_code, outcome.out
        assert outcome.envelope["error"]["code"] == code
        assert outcome.envelope["error"]["message"]
        assert outcome.envelope["error"]["hint"]
    assert snapshot(newer) == before


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["update", "--to", "9.9.9"], "unknown-version", 1),
        (["update", "--to", "--help-me"], "unknown-version", 1),
        (["update", "-d", "sugar=3"], "unknown-option", 2),
        (["update", "-d", "stack=two"], "changed-stack", 2),
        (["update", "--template", "/no/such/place"], "template-not-found", 1),
        (["update", "--branch", "main"], "branch-taken", 2),
        (["update", "--branch", "a..b"], "branch-taken", 2),
        (["update", "--continue"], "nothing-under-way", 1),
        (["update", "--abort"], "nothing-under-way", 1),
        (["update", "--abort", "--to", "2.0.0"], "usage", 2),
        (["set", "stack=two"], "changed-stack", 2),
        (["set", "size=huge"], "unknown-choice", 2),
        (["set", "sugar=3"], "unknown-option", 2),
        (["set", "size"], "usage", 2),
        (["set"], "usage", 2),
        (["diff", "--to", "2.0.0"], "usage", 2),
        (["status", "/"], "not-a-project", 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_wishes(
    arguments: list[str], code: str, exit_code: int, newer: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    monkeypatch.chdir(newer)
    before = snapshot(newer)

    outcome = invoke(*arguments, "--json")

    assert (outcome.code, outcome.envelope["error"]["code"]) == (exit_code, code)
    assert snapshot(newer) == before
    assert git(newer, "branch", "--list") == "* main"


def test_without_git(newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    for command in (["update"], ["status"], ["diff"]):
        outcome = invoke(*command, newer, "--json")
        assert (outcome.code, outcome.envelope["error"]["code"]) == (5, "missing-tool")


def test_a_second_one_at_once_is_refused(newer: Path, invoke: Invoke) -> None:
    (newer / ".git/scaffold").mkdir()
    with (newer / ".git/scaffold/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = invoke("update", newer, "--json")

    assert (outcome.code, outcome.envelope["error"]["code"]) == (1, "busy")
    assert invoke("update", newer).code == 0


def test_a_downgrade_is_only_done_when_it_is_named(newer: Path, templates: Templates, invoke: Invoke) -> None:
    before = snapshot(newer)
    assert invoke("update", newer).code == 0
    templates.git("push", "--quiet", "--delete", str(templates.origin), "v2.0.0")

    refused = invoke("update", newer, "--json")
    done = invoke("update", newer, "--to", "1.0.0")

    assert (refused.code, refused.envelope["error"]["code"]) == (1, "downgrade")
    assert "--to v1.0.0" in refused.envelope["error"]["hint"]
    assert done.code == 0
    assert snapshot(newer) == before


def _updated(root: Path) -> None:
    assert (root / "letter.txt").read_text().endswith(LATER)
    assert (root / "added/new.txt").read_text() == LATER
    assert not (root / "code.py").exists()


def test_in_a_monorepo(work: Path, newer: Path, invoke: Invoke) -> None:
    # The same service twice, and one of them is not to notice anything.
    mono = work / "mono"
    for name in ("services/naïve [1]", "services/second"):
        (mono / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", newer, mono / name], check=True)
        subprocess.run(["rm", "-rf", mono / name / ".git"], check=True)
    (mono / ".gitattributes").write_text("*.txt text\n")
    git(mono, "init", "--quiet")
    one, two = mono / "services/naïve [1]", mono / "services/second"
    (one / "letter.txt").unlink()
    commit(mono)
    (mono / "untracked.txt").write_text("mine\n")
    before = snapshot(two)

    # It was deleted here, and is not to be found again next door.
    assert invoke("update", one, "--json").code == 3
    assert invoke("update", one, "--abort").code == 0
    git(mono, "checkout", "--quiet", "HEAD")
    (one / "letter.txt").write_bytes((two / "letter.txt").read_bytes())
    commit(mono)
    outcome = invoke("update", one, "--json")

    assert outcome.code == 0, outcome.out
    assert {change["path"] for change in outcome.envelope["result"]["changes"]} == {
        ".copier-answers.yml", "added/new.txt", "code.py", "letter.txt",
    }  # fmt: skip
    _updated(one)
    assert snapshot(two) == before
    assert invoke("status", one, "--json").envelope["result"]["drift"]["untouched"] == 10


def test_in_a_linked_work_tree(newer: Path, work: Path, invoke: Invoke) -> None:
    git(newer, "worktree", "add", "--quiet", "-b", "beside", str(work / "beside"))

    assert invoke("update", work / "beside").code == 0

    _updated(work / "beside")
    assert (newer / "code.py").exists()


def test_in_a_shallow_clone(newer: Path, work: Path, invoke: Invoke) -> None:
    (newer / "mine.txt").write_text("mine\n")
    commit(newer)
    git(work, "clone", "--quiet", "--depth=1", newer.as_uri(), str(work / "shallow"))

    assert invoke("update", work / "shallow").code == 0

    _updated(work / "shallow")


def test_with_a_submodule(newer: Path, work: Path, invoke: Invoke) -> None:
    git(work, "init", "--quiet", "library")
    (work / "library/file.txt").write_text("library\n")
    commit(work / "library")
    git(newer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(work / "library"), "lib")
    commit(newer)
    (newer / "lib/untracked.txt").write_text("in the submodule\n")

    assert invoke("update", newer).code == 0

    _updated(newer)
    assert (newer / "lib/file.txt").is_file()
    assert (newer / "lib/untracked.txt").is_file()


def test_with_line_endings_of_another_system(newer: Path, work: Path, invoke: Invoke) -> None:
    git(work, "config", "--global", "core.autocrlf", "true")
    git(work, "config", "--global", "core.safecrlf", "true")
    git(work, "clone", "--quiet", str(newer), str(work / "clone"))
    clone = work / "clone"
    assert b"\r\n" in (clone / "letter.txt").read_bytes()

    status = invoke("status", clone, "--json").envelope["result"]
    assert status["drifted"] == []
    outcome = invoke("update", clone, "--json")

    assert outcome.code == 0, outcome.out
    assert (clone / "letter.txt").read_bytes().endswith(LATER.replace("\n", "\r\n").encode())
    assert git(clone, "status", "--porcelain") == ""


def test_names_of_all_kinds(project: Path, templates: Templates, invoke: Invoke) -> None:
    names = [
        "Grüße \N{SNOWMAN}.txt",
        'quo"te.txt',
        "tab\there.txt",
        "-dash.txt",
        "README.TXT",
        "readme.txt",
        "a b/c d.txt",
    ]
    for name in names:
        templates.write(name, LATER)
    templates.file("link").symlink_to("Grüße \N{SNOWMAN}.txt")
    templates.write("run.sh", "#!/bin/sh\n")
    templates.file("run.sh").chmod(0o755)
    templates.release("2.0.0")

    outcome = invoke("update", project, "--json")

    assert outcome.code == 0, outcome.out
    assert {*names, "link", "run.sh"} <= {change["path"] for change in outcome.envelope["result"]["changes"]}
    for name in names:
        assert (project / name).read_text() == LATER
    assert (project / "link").is_symlink()
    assert os.access(project / "run.sh", os.X_OK)
    assert invoke("status", project, "--json").envelope["result"]["drifted"] == []


def test_names_that_a_system_cannot_tell_apart(project: Path, templates: Templates, invoke: Invoke) -> None:
    (project / "NEW.txt").write_text("mine\n")
    commit(project)
    git(project, "config", "core.ignoreCase", "true")
    templates.write("new.txt", LATER)
    templates.release("2.0.0")
    before = snapshot(project)

    outcome = invoke("update", project, "--json")

    assert (outcome.code, outcome.envelope["error"]["code"]) == (1, "names-collide")
    assert snapshot(project) == before


def test_settings_of_the_user_change_nothing(newer: Path, work: Path, invoke: Invoke) -> None:
    hooks = work / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-merge-commit"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    for key, value in {
        "core.hooksPath": str(hooks), "commit.gpgSign": "true", "merge.renames": "false", "diff.renames": "false",
        "diff.noprefix": "true", "core.quotePath": "true", "status.showUntrackedFiles": "no", "core.editor": "false",
        "merge.conflictStyle": "diff3", "color.ui": "always", "diff.external": "false", "core.pager": "false",
    }.items():  # fmt: skip
        git(work, "config", "--global", key, value)

    assert invoke("update", newer).code == 0

    _updated(newer)
    assert git(newer, "-c", "color.ui=false", "status", "--porcelain") == ""


def test_on_a_branch_of_its_own(newer: Path, invoke: Invoke) -> None:
    before = git(newer, "rev-parse", "main")

    outcome = invoke("update", newer, "--branch", "update/2.0.0", "--json")

    assert outcome.envelope["result"]["branch"] == "update/2.0.0"
    _updated(newer)
    assert git(newer, "rev-parse", "main") == before
    assert git(newer, "rev-parse", "update/2.0.0~1") == before


@pytest.mark.parametrize("detached", [False, True])
def test_going_back_from_a_branch_of_its_own(detached: bool, newer: Path, invoke: Invoke) -> None:  # noqa: FBT001
    (newer / "letter.txt").write_text("mine alone\n")
    commit(newer)
    if detached:
        git(newer, "checkout", "--quiet", "--detach")
    before = snapshot(newer), git(newer, "rev-parse", "HEAD"), git(newer, "branch", "--list")

    assert invoke("update", newer, "--branch", "trial").code == 3
    assert invoke("update", newer, "--abort").code == 0

    assert (snapshot(newer), git(newer, "rev-parse", "HEAD"), git(newer, "branch", "--list")) == before


def test_conflicts_are_gits_own(newer: Path, invoke: Invoke) -> None:
    (newer / "letter.txt").write_text("mine alone\n")
    commit(newer)
    before = snapshot(newer)

    first = invoke("update", newer)
    again = invoke("update", newer, "--json")
    early = invoke("update", newer, "--continue", "--json")

    assert first.code == 3
    assert "scaffold update --continue" in first.err
    assert git(newer, "status", "--porcelain", "letter.txt") == "UU letter.txt"
    assert invoke("status", newer, "--json").envelope["result"]["under_way"]["hint"]
    assert (again.code, again.envelope["error"]["code"]) == (1, "under-way")
    assert (early.code, early.envelope["error"]["code"]) == (3, "conflicts")
    git(newer, "add", "letter.txt")
    marked = invoke("update", newer, "--continue", "--json")
    assert (marked.code, marked.envelope["error"]["code"]) == (3, "conflicts"), "markers are left in it"
    (newer / "letter.txt").write_text("mine alone\nand theirs\n")
    git(newer, "add", "letter.txt")

    assert invoke("update", newer, "--continue").code == 0

    assert git(newer, "log", "-1", "--format=%s") == "Update the templates to v2.0.0"
    assert git(newer, "status", "--porcelain") == ""
    assert snapshot(newer) != before
    assert invoke("update", newer, "--json").envelope["result"]["state"] == "nothing-to-do"


@pytest.mark.parametrize("command", [["status"], ["diff"], ["update"], ["set", "size=large", "--project"]], ids=str)
def test_answers_in_conflict_lead_to_the_ways_out(command: list[str], newer: Path, invoke: Invoke) -> None:
    answers = newer / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("_commit: v1.0.0\n", "_commit: v1.0.0\n# mine\n"))
    commit(newer)
    before = snapshot(newer)
    assert invoke("update", newer).code == 3

    outcome = invoke(*command, newer, "--json")

    assert (outcome.code, outcome.envelope["error"]["code"]) == (1, "under-way")
    assert "scaffold update --continue" in outcome.envelope["error"]["hint"]
    assert invoke("update", newer, "--abort").code == 0
    assert snapshot(newer) == before


def test_conflicts_may_be_finished_or_undone_by_git_alone(newer: Path, invoke: Invoke) -> None:
    (newer / "letter.txt").write_text("mine alone\n")
    commit(newer)
    before = snapshot(newer)

    assert invoke("update", newer).code == 3
    git(newer, "cherry-pick", "--abort")
    assert snapshot(newer) == before
    assert invoke("update", newer).code == 3
    git(newer, "checkout", "--ours", "letter.txt")
    git(newer, "add", "letter.txt")
    git(newer, "-c", "core.editor=true", "cherry-pick", "--continue")

    assert invoke("status", newer, "--json").envelope["result"]["under_way"] is None
    assert invoke("update", newer, "--json").envelope["result"]["state"] == "nothing-to-do"


def test_verify_runs_the_projects_checks_first(project: Path, templates: Templates, invoke: Invoke) -> None:
    templates.write("Makefile", "setup:\n\techo set up\ncheck:\n\ttest -e wanted.txt\n")
    templates.release("2.0.0")
    before = snapshot(project)

    failed = invoke("update", project, "--verify", "--json")
    assert (failed.code, failed.envelope["error"]["code"]) == (1, "check-failed")
    assert snapshot(project) == before
    assert git(project, "worktree", "list").count("\n") == 0
    (project / "wanted.txt").touch()
    commit(project)

    assert invoke("update", project, "--verify").code == 0
    assert (project / "Makefile").is_file()


def test_the_plan_is_told_before_anything_is_done(project: Path, templates: Templates, invoke: Invoke) -> None:
    templates.write("Makefile", "setup check:\n\tfalse\n")
    templates.release("2.0.0")

    failed = invoke("update", project, "--verify")

    assert (failed.code, "+ Makefile" in failed.out) == (1, True)
