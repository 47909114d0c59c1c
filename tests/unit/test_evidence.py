"""Evidence is tied to the exact sources it was made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaffold import evidence

if TYPE_CHECKING:
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


def test_the_file_is_the_same_whatever_the_order_of_runs(small: Source) -> None:
    rows = [evidence.Row({"size": size}, 1, 0, 0, 1.0, {}, "2026-11-23", None, "0" * 64) for size in ("small", "large")]
    for name, order in (("a", rows), ("b", rows[::-1])):
        for row in order:
            evidence.record(small.root / name, row)

    assert (small.root / "a").read_bytes() == (small.root / "b").read_bytes()
