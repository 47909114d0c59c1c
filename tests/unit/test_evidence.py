"""Evidence is tied to the exact sources it was made with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from scaffold import evidence
from scaffold.conformance import digests
from scaffold.errors import EvidenceError

if TYPE_CHECKING:
    from pathlib import Path

    from scaffold.source import Source


def _row(size: str = "small", *, only: tuple[str, ...] = (), **changes: Any) -> evidence.Row:
    groups = {name: evidence.Group(1, 0, 0, of) for name, of in digests.groups().items() if not only or name in only}
    nothing = "0" * 64
    row = evidence.Row({"size": size}, groups, 1.0, {}, "2026-11-23", None, nothing, nothing, digests.rest())
    return replace(row, **changes)


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
    evidence.record(path, _row("small", rendered=stayed))
    evidence.record(path, _row("large"))

    evidence.renew(path, small, "tea")

    rows = {row["answers"]["size"]: row["digest"] for row in json.loads(path.read_text())["rows"]}
    assert rows == {"small": evidence.digest(small, "tea"), "large": "0" * 64}


def test_the_file_is_the_same_whatever_the_order_of_runs(small: Source) -> None:
    rows = [_row(size) for size in ("small", "large")]
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


def test_what_an_older_suite_has_shown_is_due_again(small: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small.evidence / "tea.json"
    evidence.record(path, _row(rendered=evidence.rendered_digest(small, "tea", {"size": "small"})))
    assert [row.state for row in evidence.judge(small, "tea")] == ["proven"]

    monkeypatch.setattr(digests, "rest", lambda: "0" * 64)
    (judged,) = evidence.judge(small, "tea")

    assert judged.state == "stale"
    assert judged.due == digests.groups().keys()


def test_a_run_of_what_is_due_completes_a_row(small: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small.evidence / "tea.json"
    rendered = evidence.rendered_digest(small, "tea", {"size": "small"})
    evidence.record(path, _row(rendered=rendered, seconds=100.0))
    changed = digests.groups() | {"pagination": "1" * 64}
    monkeypatch.setattr(digests, "groups", lambda: changed)
    (judged,) = evidence.judge(small, "tea")
    assert judged.due == {"pagination"}

    evidence.record(path, _row(rendered=rendered, only=("pagination",)))

    (judged,) = evidence.judge(small, "tea")
    assert (judged.state, judged.row.passed, judged.row.seconds) == ("proven", len(changed), 100.0)


@pytest.mark.parametrize("changes", [{"rendered": "1" * 64}, {"suite": "1" * 64}, {"answers": {"size": "large"}}])
def test_a_part_of_a_run_completes_no_row_of_others(small: Source, changes: dict[str, Any]) -> None:
    path = small.evidence / "tea.json"
    evidence.record(path, _row())

    with pytest.raises(EvidenceError, match="no evidence yet of the groups api_keys"):
        evidence.record(path, _row(only=("pagination",), **changes))


def test_evidence_of_the_first_format_counts_no_more(small: Source) -> None:
    path = small.evidence / "tea.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"format": 1, "rows": [{"answers": {}, "passed": 12}]}')

    assert evidence.judge(small, "tea") == ()


def test_comments_and_docstrings_of_the_suite_do_not_count(tmp_path: Path) -> None:
    def digest(check: str, other: str = "A = 1\n") -> tuple[dict[str, str], str]:
        (tmp_path / "checks").mkdir(exist_ok=True)
        (tmp_path / "checks" / "one.py").write_text(check)
        (tmp_path / "client.py").write_text(other)
        digests.groups.cache_clear()
        digests.rest.cache_clear()
        return digests.groups(tmp_path), digests.rest(tmp_path)

    before = digest('def check() -> None:\n    assert "# ä" == "x"\n')
    assert (
        digest(
            '"""Ä module.\n\nIts rest.\n"""\n\n\ndef check() -> None:  # ä\n    """Why."""\n\n'
            '    # ö\n    assert "# ä" == "x"  # ü\n',
            'A = 1  # one\n"""What it is."""\n',
        )
        == before
    )
    assert digest('def check() -> None:\n    assert "# ö" == "x"\n')[0] != before[0]
    assert digest("", "A = 2\n")[1] != before[1]
