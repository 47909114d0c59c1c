"""What was rendered is kept for as long as somebody asks for it, and under what made it."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from scaffold import render_cache
from scaffold.history.store import Store, open_store
from scaffold.project import find_project
from scaffold.updating.base import render_base

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke

    from scaffold.updating.base import Base

NOW = f"{datetime.now(UTC):%Y-%m}"
BEFORE = f"{datetime.now(UTC).replace(day=1) - timedelta(days=1):%Y-%m}"
LONG_AGO = "2001-01"


@pytest.fixture
def base(project: Path) -> Base:
    """A rendering that was just made."""
    return render_base(find_project(project), open_store())


def _kept(base: Base) -> str | None:
    return render_cache.kept(open_store(), base.origin, base.version, base.answers)


def _age(store: Store, *trees: str) -> None:
    """Let all that trees hold be written months ago."""
    then = time.time() - 100 * 24 * 3600
    for tree in trees:
        listed = store.git.output("list", "ls-tree", "-r", "-t", "--format=%(objectname)", tree).split()
        for name in (tree, *listed):
            os.utime(store.objects / name[:2] / name[2:], (then, then))


def _move(store: Store, month: str) -> None:
    """Let all renderings be of another month."""
    for name in store.names("renderings"):
        tree = store.tree(f"renderings/{name}")
        assert tree is not None
        store.git.output("move", "update-ref", "-d", f"refs/renderings/{name}")
        store.keep(f"renderings/{month}/{name.rpartition('/')[2]}", tree)


def test_a_rendering_that_is_asked_for_stays(base: Base) -> None:
    store = open_store()
    assert _kept(base) == base.tree
    _move(store, BEFORE)
    _age(store, base.tree)

    assert _kept(base) == base.tree

    assert f"{NOW}/" in " ".join(store.names("renderings"))
    render_cache.prune(store)
    assert _kept(base) == base.tree
    assert store.git.succeeds("cat-file", "-e", f"{base.tree}:letter.txt")


def test_a_rendering_that_nobody_asks_for_goes(base: Base, project: Path, invoke: Invoke) -> None:
    store = open_store()
    _move(store, LONG_AGO)
    _age(store, base.tree)
    templates = store.names("releases")
    # What another is about to name.
    (project / "fresh.txt").write_text("fresh\n")
    fresh = store.add_folder(project)

    assert _kept(base) is None
    render_cache.prune(store)

    assert store.names("renderings") == []
    assert not store.git.succeeds("cat-file", "-e", base.tree)
    assert store.git.succeeds("cat-file", "-e", fresh)
    assert store.names("releases") == templates
    # It is made again where it is needed.
    assert invoke("status", project).code == 0
    assert _kept(base) == base.tree


def test_making_a_rendering_forgets_old_ones(base: Base, project: Path, invoke: Invoke) -> None:
    store = open_store()
    # So they were called before there were months.
    store.keep("renderings/0123456789abcdef", base.tree)
    store.keep(f"renderings/{LONG_AGO}/0123456789abcdef", base.tree)

    assert invoke("set", "size=large", "--project", project).code == 0

    assert all(name.startswith((NOW, BEFORE)) for name in store.names("renderings"))
    assert len(store.names("renderings")) == 2


def test_many_at_once_forget_and_render(base: Base, project: Path) -> None:
    store = open_store()
    for number in range(50):
        store.keep(f"renderings/{LONG_AGO}/{number:032x}", base.tree)
    folders = [project / f"folder{number}" for number in range(6)]
    for folder in folders:
        folder.mkdir()
        (folder / "file.txt").write_text(folder.name)

    with ThreadPoolExecutor(6) as pool:
        pruned = [pool.submit(render_cache.prune, store) for _ in range(6)]
        added = list(pool.map(store.add_folder, folders))
    for each in pruned:
        each.result()
    render_cache.prune(store)

    assert all(name.startswith((NOW, BEFORE)) for name in store.names("renderings"))
    assert all(store.git.succeeds("cat-file", "-e", f"{tree}:file.txt") for tree in added)
    assert _kept(base) == base.tree


@pytest.mark.parametrize("package", ["copier", "jinja2"])
def test_another_copier_renders_anew(package: str, base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata  # noqa: PLC0415

    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == package else real(name))

    assert _kept(base) is None
