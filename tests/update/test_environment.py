"""Variables and settings of git's that change what its commands mean or print."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.trees import snapshot
from tests.update.conftest import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke
    from tests.update.sources import Templates


@pytest.fixture
def behind(project: Path, templates: Templates) -> Path:
    """A project, with an edit of its own, that the newest version moves and adds files in."""
    templates.write("letter.txt", "theirs\n" + templates.file("letter.txt").read_text())
    templates.write("[new].txt", "new\n")
    templates.file("folder/one.txt").rename(templates.file("folder/uno.txt"))
    templates.release("2.0.0")
    (project / "code.py").write_text("mine\n")
    commit(project)
    return project


@pytest.mark.parametrize(
    "variable",
    ["GIT_LITERAL_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"],
)
def test_pathspec_variables_change_nothing(
    variable: str, behind: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    monkeypatch.setenv(variable, "1")

    status = invoke("status", behind, "--json")
    assert status.code == 0, status.out
    assert invoke("diff", behind).code == 0
    updated = invoke("update", behind)

    assert updated.code == 0, updated.err
    assert (behind / "[new].txt").read_text() == "new\n"
    assert (behind / "code.py").read_text() == "mine\n"


@pytest.mark.parametrize("setting", ["i18n.logOutputEncoding", "i18n.commitEncoding"])
@pytest.mark.parametrize("encoding", ["UTF-16", "ISO-8859-1"])
def test_encodings_of_logs_and_commits(setting: str, encoding: str, behind: Path, invoke: Invoke) -> None:
    git(behind, "config", setting, encoding)

    for arguments in (("status",), ("update",), ("set", "extra=true", "--project")):
        outcome = invoke(*arguments, behind)
        assert outcome.code == 0, outcome.err
    # The title is readable whatever the setting says now.
    git(behind, "config", "--unset", setting)
    assert git(behind, "log", "-1", "--format=%s") == "Set extra=true"


# Kibibytes more than the project itself takes.
@pytest.mark.parametrize("spare", [0, 16, 64, 160, 320])
def test_a_full_disk_is_told_and_leaves_the_project_as_it_was(
    spare: int, behind: Path, templates: Templates, tmp_path: Path, invoke: Invoke
) -> None:
    templates.write("large.bin", os.urandom(400_000).hex())
    templates.release("3.0.0")
    assert invoke("update", behind, "--dry-run").code == 0
    mount = ["unshare", "--mount", "--map-root-user", "bash", "-c"]
    disk = tmp_path / "disk"
    disk.mkdir()
    size = sum(-(-path.lstat().st_size // 4096) + 1 for path in behind.rglob("*")) * 4 + spare
    probe = f"mount -t tmpfs -o size={size}k none '{disk}'"
    if shutil.which("unshare") is None or subprocess.run([*mount, probe], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    after = tmp_path / "after"
    script = (
        f"{probe} && cp -a '{behind}' '{disk}/pot' && '{sys.executable}' -m scaffold update '{disk}/pot' >&2; code=$?;"
        f" cp -a '{disk}/pot' '{after}'; exit $code"
    )
    done = subprocess.run([*mount, script], capture_output=True, text=True, check=False)

    assert done.returncode == 1, done.stderr
    assert "error[" in done.stderr, done.stderr
    assert "\nhint: " in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert snapshot(after) == snapshot(behind)
    assert git(after, "status", "--porcelain") == ""
    assert not list(after.glob(".git/scaffold/merge*"))
    assert not (after / ".git/index.lock").exists()
    assert invoke("update", after).code == 0
