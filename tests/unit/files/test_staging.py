"""A folder is put into its place in one step, or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from scaffold.errors import TargetNotEmptyError, WriteFailedError
from scaffold.files import staging


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "file").write_text("content")
    (folder / "link").symlink_to("file")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def test_makes_the_folders_on_the_way(made: Path, place: Path) -> None:
    staging.publish(made, place / "a" / "b" / "project", last=False)

    assert (place / "a" / "b" / "project" / "file").read_text() == "content"


def test_somebody_else_was_faster(made: Path, place: Path) -> None:
    (place / "project").mkdir()
    (place / "project" / "theirs").touch()

    with pytest.raises(TargetNotEmptyError, match="theirs"):
        staging.publish(made, place / "project", last=False)

    assert [path.name for path in (place / "project").iterdir()] == ["theirs"]


def test_folders_on_the_way_go_again_when_it_fails(made: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "rename", _refusing(errno.EIO))

    with pytest.raises(WriteFailedError, match="Input/output error"):
        staging.publish(made, place / "a" / "b" / "project", last=False)

    assert list(place.iterdir()) == []


def test_two_mounts_of_one_device_are_copied_between(made: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def only_within(self: Path, target: Path) -> Path:
        if self == made:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", only_within)

    staging.publish(made, place / "project", last=False)

    assert (place / "project" / "link").is_symlink()
    assert [path.name for path in place.iterdir()] == ["project"]


def test_the_workspace_is_gone_after_a_failure() -> None:
    def fail() -> None:
        with staging.workspace() as folder:
            (folder / "file").touch()
            seen.append(folder)
            raise KeyboardInterrupt

    seen: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        fail()

    assert not seen[0].exists()


def _refusing(number: int) -> object:
    def refuse(*_: object) -> None:
        raise OSError(number, "Input/output error")

    return refuse
