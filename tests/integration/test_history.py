"""Template releases: read from the history, the same from any clone, and never lost on the machine that used them."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scaffold.errors import NoHistoryError, SourceNotFoundError, UnknownVersionError, UsageError
from scaffold.history import origins, releases, versions
from scaffold.history.addresses import recorded_origin
from scaffold.history.store import open_store
from scaffold.installation import tool_version
from scaffold.source import find_source

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def _commit(folder: Path, message: str) -> str:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return _git(folder, "rev-parse", "HEAD")


def _state_version(folder: Path, version: str) -> None:
    (folder / "pyproject.toml").write_text(f'[project]\nname = "pots"\nversion = "{version}"\n')


@pytest.fixture
def checkout(small: Path) -> Path:
    """A checkout with two releases and one commit since."""
    _git(small, "init", "--quiet", "--initial-branch=main")
    _state_version(small, "0.9.0")
    _commit(small, "Begin")
    (small / "templates/tea/plain.txt").write_text("plain\n")
    _commit(small, "Work towards the first release")
    _state_version(small, "1.0.0")
    _commit(small, "Release 1.0.0")
    (small / "notes.txt").write_text("not of the templates")
    _commit(small, "Change nothing that is rendered")
    (small / "templates/tea/plain.txt").write_text("plainer\n")
    _state_version(small, "1.1.0")
    _commit(small, "Release 1.1.0")
    (small / "templates/tea/plain.txt").write_text("plainest\n")
    _commit(small, "Work on")
    return small


def test_a_release_is_a_commit_that_changes_the_version(checkout: Path) -> None:
    assert [release.version for release in releases.read(checkout)] == ["1.0.0", "1.1.0"]


def test_a_commit_apart_from_the_templates_is_still_the_release(checkout: Path, tmp_path: Path) -> None:
    _git(checkout, "reset", "--hard", "--quiet", "HEAD~1")
    (checkout / "notes.txt").write_text("more")
    _commit(checkout, "Change nothing that is rendered")

    assert releases.write_bundle(checkout, tmp_path / "releases.bundle", tip=True) == "1.1.0"


def test_what_follows_a_release_is_named_after_its_content(checkout: Path, tmp_path: Path) -> None:
    clean = releases.write_bundle(checkout, tmp_path / "one", tip=True)
    (checkout / "templates/tea/plain.txt").write_text("changed and not committed\n")
    dirty = releases.write_bundle(checkout, tmp_path / "two", tip=True)

    assert clean is not None
    assert clean.startswith("1.1.0+1.t")
    assert dirty is not None
    assert dirty.startswith("1.1.0+1.t")
    assert clean != dirty


def test_two_clones_make_the_same_bytes(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = set()
    for number in (1, 2):
        clone = tmp_path / f"clone{number}"
        _git(tmp_path, "clone", "--quiet", "--no-local", str(checkout), str(clone))
        # Neither another user nor other settings leave a trace.
        monkeypatch.setenv("GIT_AUTHOR_NAME", f"Somebody {number}")
        _git(tmp_path, "config", "--global", "pack.threads", str(number))
        _git(tmp_path, "config", "--global", "core.autocrlf", "true" if number == 2 else "false")
        made = tmp_path / f"{number}.bundle"
        releases.write_bundle(clone, made, tip=number == 3)
        sums.add(sha256(made.read_bytes()).hexdigest())

    assert len(sums) == 1


def test_this_repository_makes_the_same_bytes_from_all_clones(tmp_path: Path) -> None:
    # Each keeps the same objects in another form.
    forms = {
        "linked": (["--local"], []),
        "sent": (["--no-local", "--no-tags"], []),
        "collected": (["--no-local"], ["gc", "--quiet", "--aggressive", "--prune=now"]),
        "stored": (["--no-local"], ["-c", "pack.compression=0", "repack", "-a", "-d", "-F", "-q", "--depth=3"]),
    }
    made = set()
    for name, (how, then) in forms.items():
        clone = tmp_path / name
        _git(tmp_path, "clone", "--quiet", *how, str(Path(__file__).parents[2]), str(clone))
        if then:
            _git(clone, *then)
        version = releases.write_bundle(clone, tmp_path / f"{name}.bundle", tip=True)
        made.add((version, (tmp_path / f"{name}.bundle").read_bytes()))

    assert len(made) == 1


def test_a_shallow_clone_is_refused(checkout: Path, tmp_path: Path) -> None:
    _git(tmp_path, "clone", "--quiet", "--depth=1", checkout.as_uri(), str(tmp_path / "shallow"))

    with pytest.raises(NoHistoryError, match="shallow"):
        releases.write_bundle(tmp_path / "shallow", tmp_path / "releases.bundle", tip=True)


def test_a_release_comes_back_byte_for_byte(checkout: Path) -> None:
    tea = checkout / "templates/tea"
    (tea / "dos.bat").write_bytes(b"echo\r\n")
    (tea / "naïve \N{WHITE SMILING FACE}.txt").write_text("smile")
    (tea / ".gitattributes").write_text("* text=auto eol=crlf\nplain.txt export-ignore\n")
    (tea / "link").symlink_to("plain.txt")
    before = {path.name: path.read_bytes() for path in tea.iterdir() if path.is_file()}
    store = open_store()
    tree = store.add(checkout)
    shutil.rmtree(checkout)

    folder = store.folder(tree) / "templates/tea"

    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert os.access(folder / "brew", os.X_OK)
    assert (folder / "link").is_symlink()


def test_an_unreleased_version_is_found_in_the_history_of_another_clone(checkout: Path, tmp_path: Path) -> None:
    first = origins.ByManifest("scaffold", checkout)
    version = first.current(open_store())
    (checkout / "templates/tea/plain.txt").write_text("later\n")
    _commit(checkout, "Work further")
    _git(tmp_path, "clone", "--quiet", str(checkout), str(tmp_path / "clone"))
    shutil.rmtree(open_store().root)
    second = origins.ByManifest("scaffold", tmp_path / "clone")

    found = origins.Origin("scaffold", second, second.current).find(open_store(), version)

    assert open_store().text("templates/tea/plain.txt", found.tree) == "plainest\n"


def test_what_was_once_used_here_is_found_though_its_source_is_gone(work: Path, small: Path, invoke: Invoke) -> None:
    assert invoke("new", "pot", "-s", "tea", "--template", small).code == 0
    recorded = dict(line.split(": ", 1) for line in (work / "pot/.copier-answers.yml").read_text().splitlines())
    (small / "templates/tea/plain.txt").write_text("other\n")

    found = recorded_origin(recorded["_src_path"]).find(open_store(), recorded["_commit"])

    assert open_store().text("templates/tea/plain.txt", found.tree) == "plain {{ text }}\n"


def test_a_fork_releases_by_tag(work: Path, checkout: Path, tmp_path: Path, invoke: Invoke) -> None:
    _git(checkout, "tag", "v2.0.0", "HEAD~1")
    _git(checkout, "tag", "v10.0.0-rc.1", "HEAD")
    _git(checkout, "tag", "nonsense", "HEAD")
    bare = tmp_path / "fork.git"
    _git(tmp_path, "clone", "--quiet", "--bare", str(checkout), str(bare))

    assert invoke("new", "pot", "-s", "tea", "--template", bare).code == 0
    assert invoke("new", "pot", "-s", "tea", "--template", bare, "--version", "v10.0.0-rc.1", "-o", "rc").code == 0
    assert invoke("new", "pot", "-s", "tea", "--template", bare, "--version", "main", "-o", "main").code == 0

    assert "_commit: v2.0.0\n" in (work / "pot/.copier-answers.yml").read_text()
    assert (work / "pot/plain.txt").read_text() == "plainer\n"
    assert (work / "rc/pot/plain.txt").read_text() == "plainest\n"
    assert "_commit: v0+0.t" in (work / "main/pot/.copier-answers.yml").read_text()


def test_the_folder_of_a_fork_is_used_as_it_stands(work: Path, checkout: Path, invoke: Invoke) -> None:
    _git(checkout, "tag", "v2.0.0", "HEAD~1")

    assert invoke("new", "one", "-s", "tea", "--template", checkout).code == 0
    _git(checkout, "reset", "--hard", "--quiet", "HEAD~1")
    assert invoke("new", "two", "-s", "tea", "--template", checkout).code == 0

    assert "_commit: v2.0.0+1.t" in (work / "one/.copier-answers.yml").read_text()
    assert "_commit: v2.0.0\n" in (work / "two/.copier-answers.yml").read_text()


def test_no_path_of_the_machine_is_recorded(work: Path, checkout: Path, tmp_path: Path, invoke: Invoke) -> None:
    for number, place in enumerate((str(checkout), checkout.as_uri())):
        assert invoke("new", "pot", "-s", "tea", "--template", place, "-o", str(number)).code == 0
        assert str(tmp_path) not in (work / str(number) / "pot/.copier-answers.yml").read_text()


def test_a_place_that_this_machine_does_not_know_is_an_error() -> None:
    with pytest.raises(SourceNotFoundError, match="is not known on this machine") as caught:
        recorded_origin("local:0123456789ab")
    assert "--template" in caught.value.hint
    with pytest.raises(SourceNotFoundError):
        recorded_origin("/no/such/place")


def test_an_unknown_version_is_an_error(checkout: Path) -> None:
    with pytest.raises(UnknownVersionError, match=r"no version 9\.9\.9"):
        find_source(checkout, "9.9.9")


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@git.example/fork",
        "https://token@git.example/fork",
        "git+https://token@git.example/fork",
        "ssh://me:secret@git.example/fork",
    ],
)
def test_a_password_in_a_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="password") as refused:
        find_source(url)

    assert "secret" not in refused.value.message + refused.value.hint


def test_new_works_without_git(
    work: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert invoke("new", "pot", "-s", "tea", "--no-git", "--template", small).code == 0
    assert invoke("new", "shop", "-s", "django", "--no-git").code == 0

    assert "_commit" not in (work / "pot/.copier-answers.yml").read_text()
    assert f"_commit: v{tool_version()}" in (work / "shop/.copier-answers.yml").read_text()


def test_new_works_where_the_cache_cannot_be_written(
    work: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert invoke("new", "pot", "-s", "tea", "--template", small).code == 0
    assert (work / "pot").is_dir()


def test_order_of_versions() -> None:
    assert versions.in_order(["10.0", "v2.0", "x", "2.0rc1", "1.9+3.tabcdefabcdef"]) == (
        "1.9+3.tabcdefabcdef", "2.0rc1", "v2.0", "10.0",
    )  # fmt: skip
    assert versions.newest(["1.0", "2.0rc1"]) == "1.0"
    assert versions.newest(["2.0rc1"]) == "2.0rc1"
    assert versions.newest([]) is None
    assert versions.is_older("1.0", "1.0+1.t000000000000")
    assert versions.is_older("1.0+2.t000000000000", "v1.0+10.t000000000000")
    assert not versions.is_older("1.0+2.t000000000000", "1.0+2.t111111111111")
    assert not versions.is_older("1.0+2.t111111111111", "1.0+2.t000000000000")
    assert not versions.is_older("nonsense", "1.0")
