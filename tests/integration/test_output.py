"""Standard output and errors that are closed, full or read by nobody; answers in any locale."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCAFFOLD = f"{sys.executable} -m scaffold"


def _shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("flags", ["", " --json"])
@pytest.mark.parametrize(
    ("command", "folder"), [("list", ""), ("new pot -s tea --yes --no-git --template {small}", "pot"), ("doctor", "")]
)
def test_closed_output_is_refused_before_anything_is_done(
    command: str, folder: str, flags: str, small: Path, work: Path
) -> None:
    done = _shell(f"{SCAFFOLD} {command.format(small=small)}{flags} >&-")

    assert done.returncode == 1
    assert done.stderr.startswith("error[output-failed]: cannot write the result to standard output: it is closed\n")
    assert not folder or not (work / folder).exists()


@pytest.mark.parametrize("command", ["list", "list --json", "--help", "new --help", "--version"])
def test_full_output_is_told(command: str) -> None:
    done = _shell(f"{SCAFFOLD} {command} >/dev/full")

    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "error[output-failed]: cannot write the result to standard output: No space left on device"
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("flags", ["", " --json"])
def test_a_reader_who_has_enough_changes_no_exit_code(flags: str) -> None:
    done = _shell(f'{SCAFFOLD} list{flags} | true; echo "${{PIPESTATUS[0]}}"')

    assert (done.stdout, done.stderr) == ("0\n", "")


def test_closed_errors_are_lost_and_nothing_else() -> None:
    assert _shell(f"{SCAFFOLD} list --json 2>&-").returncode == 0
    assert _shell(f"{SCAFFOLD} nonsense 2>&-").returncode == 2


@pytest.mark.parametrize("locale", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}])
def test_an_answer_beyond_ascii_in_any_locale(locale: dict[str, str], small: Path, work: Path) -> None:
    done = _shell(f"{SCAFFOLD} new pot -s tea --yes --no-git --json -d owner=Zoë --template '{small}'", **locale)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["answers"]["owner"] == "Zoë"
    assert "Zoë" in (work / "pot/.copier-answers.yml").read_text(encoding="utf-8")


def test_an_answer_that_is_no_text(small: Path, work: Path) -> None:
    done = _shell(f"{SCAFFOLD} new pot -s tea --yes --no-git -d owner=$'Zo\\xff' --template '{small}'")

    assert done.returncode == 2
    assert done.stderr == 'error[invalid-answer]: owner "Zo\\udcff": it holds bytes that are not UTF-8\n'
    assert not (work / "pot").exists()
