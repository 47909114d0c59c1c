"""Whatever ends `scaffold new` at whatever moment: the project is whole or not there, and nothing lies beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.trees import contents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import Launch

DRIVER = Path(__file__).with_name("interrupting.py")
POINTS = 60
SECOND_FILE_SYSTEM = Path("/dev/shm")  # noqa: S108 - only a second file system is wanted


def _drive(name: str, points: int, small: Path, arena: Path, temporary: Path) -> list[dict[str, Any]]:
    nothing = arena.parent / "nothing"
    nothing.mkdir()
    command = ["new", "pot", "-s", "tea", "--template", str(small)]
    done = subprocess.run(
        [sys.executable, DRIVER, name, str(points), arena, nothing, *command],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(runs) >= points
    return runs


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A place for temporary files on another file system than the project."""
    if not SECOND_FILE_SYSTEM.is_dir() or SECOND_FILE_SYSTEM.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    with tempfile.TemporaryDirectory(dir=SECOND_FILE_SYSTEM) as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT", "SIGTERM", "SIGHUP"])
def test_at_every_point(name: str, work: Path, small: Path, temporary: Path) -> None:
    runs = _drive(name, POINTS, small, work, temporary)

    whole = contents(Path(runs[-1]["folder"]) / "pot")
    assert len(whole) == 6
    for run in runs:
        folder = Path(run["folder"])
        beside = {path.name for path in folder.iterdir()}
        assert beside <= {"pot"}, run
        if beside:
            assert contents(folder / "pot") == whole, run
            assert (folder / "pot" / ".git" / "HEAD").is_file(), run
        if name != "SIGKILL":
            assert run["status"] in {0, 130}, run
            assert bool(beside) == (run["status"] == 0), run
            assert "Traceback" not in run["said"], run
    assert any(not list(Path(run["folder"]).iterdir()) for run in runs), "some point must come before the end"
    if name != "SIGKILL":
        assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_at_every_point_across_file_systems(name: str, work: Path, small: Path, elsewhere: Path) -> None:
    runs = _drive(name, POINTS, small, work, elsewhere)

    whole = contents(Path(runs[-1]["folder"]) / "pot")
    for run in runs:
        folder = Path(run["folder"])
        if (folder / "pot").exists():
            assert contents(folder / "pot") == whole, run
        # Nothing can tidy up after SIGKILL; what is left then is hidden and says whose it is.
        beside = {path.name for path in folder.iterdir()} - {"pot"}
        assert all(left.startswith(".pot.scaffold-") for left in beside), run
        assert name == "SIGKILL" or not beside, run
    if name != "SIGKILL":
        assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("after", [0.02, 0.08, 0.15, 0.25, 0.35, 0.5])
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_from_outside(name: str, after: float, work: Path, small: Path) -> None:
    arguments = [sys.executable, "-m", "scaffold", "new", "pot", "-s", "tea", "--template", str(small)]
    with subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        time.sleep(after)
        process.send_signal(getattr(signal, name))
        process.communicate(timeout=30)

    assert {path.name for path in work.iterdir()} <= {"pot"}
    if (work / "pot").exists():
        assert len(contents(work / "pot")) == 6


def test_a_limit_on_file_sizes_leaves_nothing(work: Path, small: Path, temporary: Path) -> None:
    (small / "templates" / "tea" / "large.bin").write_bytes(os.urandom(300_000))
    command = f"ulimit -f 100; exec '{sys.executable}' -m scaffold new pot -s tea --template '{small}'"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("error[write-failed]: ")
    assert "File too large" in done.stderr
    assert list(work.iterdir()) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("full", ["temporary", "work"])
def test_a_full_disk_leaves_nothing(full: str, work: Path, small: Path, temporary: Path, tmp_path: Path) -> None:
    mount = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    disk = tmp_path / full
    probe = f"mount -t tmpfs -o size=128k none '{disk}'"
    if shutil.which("unshare") is None or subprocess.run([*mount, probe], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    (small / "templates" / "tea" / "large.bin").write_bytes(os.urandom(300_000))
    script = (
        f"{probe} && cd '{work}' && '{sys.executable}' -m scaffold new pot -s tea --no-git --template '{small}';"
        f" echo $?; ls -A '{work}' '{temporary}' | grep -v : || true"
    )
    done = subprocess.run([*mount, script], capture_output=True, text=True, check=False)

    assert done.stderr.startswith("error[write-failed]: "), done.stderr
    assert "No space left on device" in done.stderr
    assert done.stdout.split() == ["1"]


def test_nohup_is_respected(work: Path, small: Path) -> None:
    (small / "templates" / "tea" / "Makefile").write_text("setup:\n\tkill -HUP $$(cut -d' ' -f4 /proc/$$PPID/stat)\n")
    command = f"trap '' HUP; exec '{sys.executable}' -m scaffold new pot -s tea --setup --template '{small}'"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)

    assert done.returncode == 0
    assert (work / "pot").is_dir()


def test_cancelling_says_so(work: Path, small: Path, launch: Launch) -> None:
    (small / "templates" / "tea" / "Makefile").write_text(
        "setup:\n\tkill -INT $$(cut -d' ' -f4 /proc/$$PPID/stat)\n\tsleep 5\n"
    )

    outcome = launch("new", "pot", "-s", "tea", "--setup", "--template", small)

    assert outcome.code == 130
    assert outcome.err.rstrip().endswith("cancelled")
    assert len(contents(work / "pot")) == 6, "the project was made before its set-up"


@pytest.mark.usefixtures("work")
def test_cancelling_says_so_in_json(small: Path, launch: Launch) -> None:
    (small / "templates" / "tea" / "Makefile").write_text(
        "setup:\n\tkill -INT $$(cut -d' ' -f4 /proc/$$PPID/stat)\n\tsleep 5\n"
    )

    outcome = launch("new", "pot", "-s", "tea", "--setup", "--json", "--template", small)

    assert outcome.code == 130
    assert outcome.envelope["exit_code"] == 130
    assert (outcome.envelope["result"], outcome.envelope["error"]["code"]) == (None, "cancelled")
