"""The package as it is installed: complete, and able to make projects without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from scaffold.history.store import open_store
from scaffold.source import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
# Without a network of its own the process cannot even reach this machine.
UNSHARED = (["unshare", "--net"], ["unshare", "--map-root-user", "--net"])
BLOCKED = """
import socket
def refuse(*_, **__):
    raise OSError("this test allows no network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def _run(arguments: Sequence[str | Path], **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return done  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT])
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel alone in a fresh environment, with what it says it needs."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    _run([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel])
    return folder / "bin" / "scaffold"


def _without_network(tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    for prefix in UNSHARED:
        if (
            shutil.which(prefix[0])
            and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
        ):
            return prefix, dict(os.environ)
    (tmp_path / "sitecustomize.py").write_text(BLOCKED)
    return [], {**os.environ, "PYTHONPATH": str(tmp_path)}


def test_holds_everything_that_a_project_is_made_of(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())

    tracked = subprocess.run(
        ["git", "ls-files", "-z", "copier.yml", "templates", "contract"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    wanted = {f"scaffold/source/{name}" for name in tracked if name and (ROOT / name).is_file()}
    assert wanted <= names
    assert {"scaffold/py.typed", "scaffold/schemas/new.json", "scaffold/source/evidence/README.md"} <= names
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)


def test_holds_the_releases_of_its_templates(installed: Path) -> None:
    unpacked = next((installed.parent.parent / "lib").glob("python*/site-packages/scaffold"))
    version = (unpacked / "history" / "VERSION").read_text().strip()
    heads = _run(["git", "bundle", "list-heads", unpacked / "history" / "releases.bundle"]).stdout

    # What is rendered from and what is recorded are the same.
    assert f"refs/tags/v{version}" in heads.split()
    store = open_store()
    store.fetch(str(unpacked / "history" / "releases.bundle"), ["+refs/tags/*:refs/tags/*"])
    for part in PARTS:
        name = f"v{version}:{part}"
        kept = _run(["git", "rev-parse", name], cwd=store.root / "templates.git").stdout
        there = _run(["git", "rev-parse", f"{store.add(unpacked / 'source')}:{part}"], cwd=store.root / "templates.git")
        assert kept == there.stdout


def test_a_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, ROOT])
    (built,) = tmp_path.glob("*.whl")

    assert built.read_bytes() == wheel.read_bytes()


def test_makes_projects_without_a_network(installed: Path, work: Path, tmp_path: Path) -> None:
    prefix, environment = _without_network(tmp_path)

    done = _run([*prefix, installed, "new", "shop", "--stack", "django"], env=environment)

    assert done.stdout.startswith("Created shop: django")
    answers = (work / "shop" / ".copier-answers.yml").read_text().splitlines()
    assert "_src_path: scaffold" in answers
    assert any(line.startswith("_commit: v") for line in answers)
    _run([*prefix, installed, "list"], env=environment)
    _run([*prefix, installed, "explain", "shop/README.md"], env=environment)
    _run([*prefix, installed, "status", "shop", "--exit-code"], env=environment)
    _run([*prefix, installed, "set", "redis=true", "--project", "shop"], env=environment)
    _run([*prefix, installed, "update", "shop"], env=environment)


def test_makes_the_same_project_as_the_checkout(installed: Path, work: Path) -> None:
    _run([installed, "new", "shop", "--stack", "django"])
    _run([sys.executable, "-m", "scaffold", "new", "shop", "--stack", "django", "--output", "checkout"])

    trees = {
        _run(["git", "rev-parse", "HEAD^{tree}"], cwd=folder).stdout
        for folder in (work / "shop", work / "checkout/shop")
    }
    assert len(trees) == 1


def test_works_from_a_package_that_cannot_be_written(installed: Path, work: Path) -> None:
    package = next((installed.parent.parent / "lib").glob("python*/site-packages/scaffold/source"))
    files = [path for path in package.rglob("*") if path.is_file()]
    modes = {path: path.stat().st_mode for path in files}
    try:
        for path in files:
            path.chmod(modes[path] & ~0o222)
        _run([installed, "new", "shop", "--stack", "django"])
    finally:
        for path, mode in modes.items():
            path.chmod(mode)

    assert all(path.stat().st_mode & 0o200 for path in (work / "shop").rglob("*") if ".git" not in path.parts)


def test_verify_names_the_packages_it_needs(installed: Path, work: Path) -> None:
    _run([installed, "new", "shop", "--stack", "django", "--no-git"])

    done = subprocess.run([installed, "verify", work / "shop"], capture_output=True, text=True, check=False)

    assert done.returncode == 5
    assert "pip install 'scaffold-stacks[verify]'" in done.stderr
