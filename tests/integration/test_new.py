"""`scaffold new`: what it makes, and what it says."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke, Launch

TEA_FILES = {".copier-answers.yml", "Makefile", "README.md", "brew", "plain.txt", "pot/thanks.txt"}


def _files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if path.parts[0] != ".git"}


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_writes_exactly_the_files_of_the_stack(work: Path, small: Path, invoke: Invoke) -> None:
    outcome = invoke("new", "pot", "--stack", "tea", "--template", small)

    assert outcome.code == 0
    assert _files(work / "pot") == TEA_FILES
    assert (work / "pot" / "README.md").read_text() == "# pot\n\nPOT belongs to The pot owners.\n- boil\n- pour\n"
    assert (work / "pot" / "plain.txt").read_text() == "plain {{ text }}\n"


def test_options_choose_files_and_contents(work: Path, small: Path, invoke: Invoke) -> None:
    outcome = invoke(
        "new", "pot", "-s", "tea", "-d", "extras=yes", "-d", "size=large", "-d", "owner=Eve", "--template", small
    )

    assert outcome.code == 0
    assert _files(work / "pot") == TEA_FILES | {"extras/biscuits.txt", "jug.txt"}
    assert (work / "pot" / "README.md").read_text() == "# pot\n\nPOT! belongs to Eve.\n- boil\n- bake\n- pour\n"


def test_answers_come_from_a_file_and_the_command_line_wins(work: Path, small: Path, invoke: Invoke) -> None:
    Path("answers.yml").write_text("_src_path: elsewhere\nstack: coffee\nsize: large\nowner: File\n")

    outcome = invoke("new", "pot", "--answers", "answers.yml", "-d", "owner=Line", "--template", small)

    assert outcome.code == 0
    answers = yaml.safe_load((work / "pot" / ".copier-answers.yml").read_text())
    assert answers["stack"] == "coffee"
    assert answers["size"] == "large"
    assert answers["owner"] == "Line"


def test_what_the_user_prefers_replaces_defaults_and_nothing_else(
    work: Path, small: Path, invoke: Invoke, tmp_path: Path
) -> None:
    settings = tmp_path / "home" / ".config" / "scaffold"
    settings.mkdir(parents=True)
    (settings / "answers.yml").write_text("stack: tea\nowner: Platform team\nsize: large\nleaf: mint\n")

    outcome = invoke("new", "pot", "-d", "size=small", "--template", small, "--json")

    answers = outcome.envelope["result"]["answers"]
    assert (answers["stack"], answers["owner"], answers["size"]) == ("tea", "Platform team", "small")
    assert "'owner=Platform team'" in outcome.envelope["result"]["command"], "it holds on any machine"
    assert invoke("new", "cup", "--stack", "coffee", "--template", small).code == 0, "what does not apply is no fault"
    assert (work / "cup").is_dir()


def test_the_answers_of_one_project_make_another(work: Path, small: Path, invoke: Invoke) -> None:
    invoke("new", "pot", "-s", "tea", "-d", "extras=true", "-d", "strength=5", "--template", small)

    outcome = invoke("new", "--answers", "pot/.copier-answers.yml", "--output", "again", "--template", small)

    assert outcome.code == 0
    assert _git(work / "pot", "rev-parse", "HEAD^{tree}") == _git(work / "again" / "pot", "rev-parse", "HEAD^{tree}")


def test_the_answers_file_names_no_path_of_the_machine(work: Path, small: Path, invoke: Invoke) -> None:
    invoke("new", "pot", "-s", "tea", "--template", small)

    text = (work / "pot" / ".copier-answers.yml").read_text()
    assert str(small) not in text
    assert str(work) not in text
    assert yaml.safe_load(text)["_src_path"].startswith("local:")


def test_the_same_answers_give_the_same_bytes(work: Path, small: Path, invoke: Invoke) -> None:
    for parent in ("one", "two"):
        invoke("new", "pot", "-s", "tea", "-d", "extras=true", "--output", parent, "--template", small)

    assert _git(work / "one/pot", "rev-parse", "HEAD^{tree}") == _git(work / "two/pot", "rev-parse", "HEAD^{tree}")


def test_a_program_stays_one_and_permissions_follow_the_umask(work: Path, small: Path, invoke: Invoke) -> None:
    (small / "templates" / "tea" / "plain.txt").chmod(0o444)
    before = os.umask(0o027)
    try:
        invoke("new", "pot", "-s", "tea", "--template", small)
    finally:
        os.umask(before)

    assert os.access(work / "pot" / "brew", os.X_OK)
    assert (work / "pot" / "plain.txt").stat().st_mode & 0o200
    assert (work / "pot").stat().st_mode & 0o777 == 0o750


def test_everything_is_in_the_first_commit(work: Path, small: Path, invoke: Invoke) -> None:
    (work.parent / "home" / ".gitignore").write_text("*.txt\n")
    _git(work, "config", "--global", "core.excludesFile", str(work.parent / "home" / ".gitignore"))
    _git(work, "config", "--global", "commit.gpgSign", "true")
    invoke("new", "pot", "-s", "tea", "--template", small)

    assert _git(work / "pot", "status", "--porcelain") == ""
    assert set(_git(work / "pot", "ls-files").splitlines()) == TEA_FILES
    assert _git(work / "pot", "log", "--format=%an %s") == "Ada Create pot"
    assert _git(work / "pot", "branch", "--show-current") == "main"


def test_without_a_git_identity_a_stand_in_commits(work: Path, small: Path, invoke: Invoke) -> None:
    (work.parent / "home" / ".gitconfig").unlink()

    outcome = invoke("new", "pot", "-s", "tea", "--template", small)

    assert outcome.code == 0
    assert "git config user.name" in outcome.out
    assert _git(work / "pot", "log", "--format=%an") == "scaffold"


def test_no_git_makes_no_repository(work: Path, small: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    outcome = invoke("new", "pot", "-s", "tea", "--no-git", "--template", small)

    assert outcome.code == 0
    assert not (work / "pot" / ".git").exists()


def test_inside_a_repository_none_is_nested(work: Path, small: Path, invoke: Invoke) -> None:
    _git(work, "init", "--quiet")

    outcome = invoke("new", "pot", "-s", "tea", "--output", "services", "--template", small)

    assert outcome.code == 0
    assert not (work / "services" / "pot" / ".git").exists()
    assert f"inside the work tree {work}" in outcome.out


def test_a_hook_that_calls_it_does_not_get_its_own_repository_touched(
    work: Path, small: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = work.parent / "other"
    other.mkdir()
    _git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))

    assert invoke("new", "pot", "-s", "tea", "--template", small).code == 0

    assert not (other / ".git" / "index").exists()
    assert (work / "pot" / ".git" / "index").exists()


def test_an_empty_folder_is_a_place_for_a_project(work: Path, small: Path, invoke: Invoke) -> None:
    (work / "pot").mkdir()

    assert invoke("new", "pot", "-s", "tea", "--template", small).code == 0

    assert _files(work / "pot") == TEA_FILES


def test_setup_runs_in_the_project_and_its_files_are_committed(work: Path, small: Path, invoke: Invoke) -> None:
    outcome = invoke("new", "pot", "-s", "tea", "--setup", "--template", small)

    assert outcome.code == 0
    assert "setting up" in outcome.err
    assert "setting up" not in outcome.out
    assert "tea.lock" in _git(work / "pot", "ls-files")
    assert _git(work / "pot", "rev-list", "--count", "HEAD") == "1"
    assert _git(work / "pot", "status", "--porcelain") == ""


def test_a_failed_setup_leaves_the_project_and_says_how_to_go_on(work: Path, small: Path, invoke: Invoke) -> None:
    (small / "templates" / "tea" / "fail-setup").touch()

    outcome = invoke("new", "pot", "-s", "tea", "--setup", "--template", small)

    assert outcome.code == 1
    assert "error[setup-failed]" in outcome.err
    assert f"`make setup` in {work / 'pot'}" in outcome.err
    assert _files(work / "pot") >= TEA_FILES


def test_a_dry_run_shows_the_tree_and_writes_nothing(work: Path, small: Path, temporary: Path, invoke: Invoke) -> None:
    outcome = invoke("new", "pot", "-s", "tea", "--dry-run", "--template", small)

    assert outcome.code == 0
    for name in ("pot/", "README.md", "thanks.txt", "brew"):
        assert name in outcome.out
    assert list(work.iterdir()) == []
    assert list(temporary.iterdir()) == []


def test_the_command_at_the_end_makes_the_same_project(work: Path, small: Path, invoke: Invoke) -> None:
    made = invoke(
        "new", "pot", "-s", "tea", "-d", "owner=Ann O'Neil", "-d", "extras=on", "-d", "strength=4", "-d", "size=small",
        "--output", "first place", "--template", small, "--json",
    )  # fmt: skip
    words = shlex.split(made.envelope["result"]["command"])
    assert words[:2] == ["scaffold", "new"]
    assert not any(word.startswith("size=") for word in words), "a default is not repeated"
    words[words.index("first place")] = "second place"

    assert invoke(*words[1:]).code == 0

    trees = [_git(work / place / "pot", "rev-parse", "HEAD^{tree}") for place in ("first place", "second place")]
    assert trees[0] == trees[1]


def test_the_summary_says_what_was_made_and_what_comes_next(work: Path, small: Path, invoke: Invoke) -> None:
    outcome = invoke("new", "pot", "-s", "tea", "-d", "owner=The Owner", "--template", small)

    assert outcome.err == ""
    assert outcome.out == (
        "Created pot: tea, 6 files\n"
        "  first commit on main\n"
        "\n"
        "Make it again\n"
        f"  scaffold new pot --stack tea -d 'owner=The Owner' --yes --template {small}\n"
        "\n"
        "Next\n"
        "  cd pot\n"
        "  make setup\n"
        "  make dev\n"
    )
    assert (work / "pot").is_dir()


def test_nothing_stays_in_the_temporary_folder(work: Path, small: Path, temporary: Path, invoke: Invoke) -> None:
    invoke("new", "pot", "-s", "tea", "--template", small)

    assert list(temporary.iterdir()) == []
    assert [path.name for path in work.iterdir()] == ["pot"]


def test_the_user_s_settings_of_copier_change_nothing(
    work: Path, small: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = work.parent / "copier-settings.yml"
    settings.write_text("defaults:\n  size: large\n  owner: Mallory\n")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))

    invoke("new", "pot", "-s", "tea", "--template", small)

    assert "Mallory" not in (work / "pot" / "README.md").read_text()
    assert not (work / "pot" / "jug.txt").exists()


def test_a_template_in_a_git_checkout_is_rendered_as_it_stands(work: Path, small: Path, invoke: Invoke) -> None:
    _git(small, "init", "--quiet")
    _git(small, "add", "--all")
    _git(small, "commit", "--quiet", "--message", "old")
    _git(small, "tag", "v1.0.0")
    (small / "templates" / "tea" / "plain.txt").write_text("new\n")

    assert invoke("new", "pot", "-s", "tea", "--template", small).code == 0

    assert (work / "pot" / "plain.txt").read_text() == "new\n"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")  # noqa: S108
def test_across_file_systems_the_project_arrives_whole(work: Path, small: Path, launch: Launch, tmp_path: Path) -> None:
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if Path(elsewhere).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("needs a second file system")
        outcome = launch(
            "new", "pot", "-s", "tea", "--template", small, "--output", "a/b", env={**os.environ, "TMPDIR": elsewhere}
        )

        assert outcome.code == 0, outcome.err
        assert list(Path(elsewhere).iterdir()) == []
    assert _files(work / "a" / "b" / "pot") == TEA_FILES
    assert [path.name for path in (work / "a" / "b").iterdir()] == ["pot"]
    assert _git(work / "a" / "b" / "pot", "status", "--porcelain") == ""


@pytest.mark.parametrize("default", ["2026-01-01", "{when: 2026-01-01}"])
@pytest.mark.usefixtures("work")
def test_an_answer_that_would_not_be_remembered(default: str, small: Path, invoke: Invoke) -> None:
    with (small / "copier.yml").open("a") as file:
        file.write(f"---\nbrewed:\n  type: yaml\n  default: {default}\n")
    arguments: list[str | Path] = ["new", "pot", "-s", "tea", "--template", small, "--json"]

    for refused in (invoke(*arguments), invoke(*arguments, "-d", "brewed=[2026-11-24]")):
        assert (refused.code, refused.envelope["error"]["code"]) == (2, "wrong-type")
        assert "a date is a text in quotes" in refused.envelope["error"]["message"]
    assert invoke(*arguments, "-d", "brewed=['2026-11-24']").code == 0
