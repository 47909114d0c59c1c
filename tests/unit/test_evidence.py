"""Evidence is tied to the exact sources it was made with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scaffold import evidence

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from scaffold.source import Source


def test_the_digest_ignores_what_is_not_a_source(small: Source) -> None:
    before = evidence.digest(small, "tea")
    cache = small.root / "templates" / "tea" / "__pycache__"
    cache.mkdir()
    (cache / "x.pyc").touch()
    (small.root / "README.md").write_text("hello")

    assert evidence.digest(small, "tea") == before


def test_the_digest_sees_a_file_move(small: Source) -> None:
    before = evidence.digest(small, "tea")
    plain = small.root / "templates" / "tea" / "plain.txt"
    plain.rename(plain.with_name("moved.txt"))

    assert evidence.digest(small, "tea") != before


def test_stacks_have_digests_of_their_own(small: Source) -> None:
    assert evidence.digest(small, "tea") != evidence.digest(small, "coffee")


def test_rows_whose_projects_stayed_the_same_are_renewed(small: Source) -> None:
    path = small.root / "tea.json"
    stayed = evidence.rendered_digest(small, "tea", {"size": "small"})
    suite = evidence.suite_digest()
    for size, rendered in (("small", stayed), ("large", "0" * 64)):
        evidence.record(
            path, evidence.Row({"size": size}, 1, 0, 0, 1.0, {}, "2026-11-23", None, "0" * 64, rendered, suite)
        )

    evidence.renew(path, small, "tea")

    rows = {row["answers"]["size"]: row["digest"] for row in json.loads(path.read_text())["rows"]}
    assert rows == {"small": evidence.digest(small, "tea"), "large": "0" * 64}


def test_the_file_is_the_same_whatever_the_order_of_runs(small: Source) -> None:
    rows = [
        evidence.Row({"size": size}, 1, 0, 0, 1.0, {}, "2026-11-23", None, "0" * 64, "0" * 64)
        for size in ("small", "large")
    ]
    for name, order in (("a", rows), ("b", rows[::-1])):
        for row in order:
            evidence.record(small.root / name, row)

    assert (small.root / "a").read_bytes() == (small.root / "b").read_bytes()


def test_the_rendered_digest_is_of_the_project_alone(small: Source) -> None:
    before = evidence.rendered_digest(small, "tea", {"size": "small"})
    (small.root / "templates" / "coffee" / "cup.txt").write_text("larger cup\n")
    with (small.root / "copier.yml").open("a") as file:
        file.write("\n# a remark\n")

    assert evidence.rendered_digest(small, "tea", {"size": "small"}) == before
    assert evidence.rendered_digest(small, "tea", {"size": "large"}) != before


def test_the_rendered_digest_sees_a_changed_file(small: Source) -> None:
    before = evidence.rendered_digest(small, "tea", {})
    with (small.root / "templates" / "tea" / "plain.txt").open("a") as file:
        file.write("more\n")

    assert evidence.rendered_digest(small, "tea", {}) != before


def test_what_an_older_suite_has_shown_is_stale(small: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small.root / "tea.json"
    now, same = evidence.digest(small, "tea"), evidence.rendered_digest(small, "tea", {"size": "small"})
    row = evidence.Row({"size": "small"}, 1, 0, 0, 1.0, {}, "2026-11-23", None, now, same, evidence.suite_digest())
    evidence.record(path, row)
    (tmp_path / "check.py").write_text("assert True\n")
    monkeypatch.setattr(evidence, "_SUITE", tmp_path / "check.py")

    assert evidence.digest(small, "tea") != now
    evidence.renew(path, small, "tea")

    assert json.loads(path.read_text())["rows"][0]["digest"] == now
