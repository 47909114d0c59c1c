"""The same requests to each stack: the same replies, log lines and metrics, but for what is allowed by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import logs
import pytest
from corpus import chapters
from differences import Difference, allowed, between, judge
from normalising import Normaliser
from playing import Played, Player
from prometheus_client.parser import text_string_to_metric_families
from services import Stack, stacks

from scaffold.conformance import contract
from scaffold.conformance.openapi import OpenApi

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from corpus import Chapter

    from scaffold.conformance.keys import SigningKey

LEAST_REQUESTS = 300


def _pattern(path: str) -> re.Pattern[str]:
    """`/v1/products/{id}` as a pattern of paths."""
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))


@dataclass(frozen=True)
class Run:
    """A chapter as one stack played it."""

    chapter: Chapter
    played: list[Played]
    unexpected: list[str]
    lines: list[str]
    metrics: str


@dataclass(frozen=True)
class Runs:
    """The whole corpus, by each stack; the first is the reference."""

    by_stack: dict[str, list[Run]]

    @property
    def pairs(self) -> Iterator[tuple[str, Run, Run]]:
        """Each chapter as the reference and another stack, which is named, played it."""
        reference, *others = self.by_stack
        for stack in others:
            for one, other in zip(self.by_stack[reference], self.by_stack[stack], strict=True):
                yield stack, one, other


@pytest.fixture(scope="module")
def runs(sqlite_projects: Mapping[str, Path], key: SigningKey) -> Runs:
    with stacks(sqlite_projects, {}, key) as each:
        return Runs({stack.name: [_run(stack, chapter, key) for chapter in chapters()] for stack in each})


def _run(stack: Stack, chapter: Chapter, key: SigningKey) -> Run:
    service = stack.launcher.start(settings=chapter.settings)
    player = Player(service, key)
    played = player.play(chapter)
    scraper = service.api().with_token(service.metrics_token or "")
    scrape = scraper.get("/metrics")
    scraper.close()
    service.terminate()
    service.process.wait(10)
    service.stop()
    return Run(chapter, played, player.unexpected, list(service.process.stdout.lines), scrape.text)


def test_corpus_is_large() -> None:
    assert sum(len(chapter.requests) for chapter in chapters()) >= LEAST_REQUESTS


def test_corpus_calls_every_operation_to_each_status_that_it_can(runs: Runs) -> None:
    """A corpus that misses an operation compares nothing of it."""
    document = OpenApi.of_contract({"sample": True}).document
    wanted = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "patch", "delete")
    }
    templates = {path: _pattern(path) for _, path in wanted}
    called: dict[tuple[str, str], set[int]] = {}
    for run in next(iter(runs.by_stack.values())):
        for one in run.played:
            for path, pattern in templates.items():
                if pattern.fullmatch(one.reply.path.partition("?")[0]):
                    called.setdefault((one.reply.method, path), set()).add(one.reply.status)
    assert wanted - called.keys() == set()
    assert all(any(status < 400 for status in called[operation]) for operation in wanted)


def test_replies_are_what_the_corpus_says(runs: Runs) -> None:
    unexpected = [
        f"{stack}: {text}" for stack, found in runs.by_stack.items() for run in found for text in run.unexpected
    ]
    assert unexpected == []


@pytest.fixture(scope="module")
def found(runs: Runs) -> list[Difference]:
    differences: list[Difference] = []
    for stack, one, other in runs.pairs:
        normalisers = Normaliser(), Normaliser()
        for left, right in zip(one.played, other.played, strict=True):
            name = left.request.name
            normals = normalisers[0].normal(left), normalisers[1].normal(right)
            differences += between(stack, one.chapter.name, name, *normals)
        differences += _in_logs(stack, one, other)
        differences += _in_metrics(stack, one, other)
    return differences


def _in_logs(stack: str, one: Run, other: Run) -> Iterator[Difference]:
    chapter = one.chapter.name
    pairs = zip(logs.of_requests(one.played, one.lines), logs.of_requests(other.played, other.lines), strict=True)
    for (name, left), (_, right) in pairs:
        if left != right:
            yield Difference(stack, chapter, name, "log", left, right)
    left, right = logs.outside_requests(one.lines), logs.outside_requests(other.lines)
    if left != right:
        yield Difference(stack, chapter, "(no request)", "log", left, right)


def _in_metrics(stack: str, one: Run, other: Run) -> Iterator[Difference]:
    """Families, labels, buckets and every count; not the times that were measured, nor what a gauge shows at the moment."""
    left, right = _samples(one), _samples(other)
    for sample in sorted(left.keys() | right.keys()):
        if left.get(sample) != right.get(sample):
            yield Difference(stack, one.chapter.name, "(metrics)", sample, left.get(sample), right.get(sample))


def _samples(run: Run) -> dict[str, float | str | None]:
    sample = {"sample": True, "redis": False}
    names = {name.removesuffix("_total") for name in contract.metrics(sample)}
    values: dict[str, float | str | None] = {}
    for family in text_string_to_metric_families(run.metrics):
        if family.name not in names:
            continue  # The runtime's own.
        values[f"type of {family.name}"] = f"{family.type}: {family.documentation}"
        for entry in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(entry.labels.items()))
            counts = family.type != "gauge" and entry.name.endswith(("_count", "_total"))
            values[f"{entry.name}{{{labels}}}"] = entry.value if counts else None
    return values


def test_stacks_differ_in_nothing_but_what_is_allowed(found: list[Difference]) -> None:
    stray, _ = judge(found)
    if stray:
        shown = "\n".join(map(str, stray[:60]))
        pytest.fail(f"{len(stray)} differences:\n{shown}", pytrace=False)


def test_nothing_is_allowed_that_does_not_occur(found: list[Difference]) -> None:
    _, used = judge(found)
    assert {entry.name for entry in allowed()} - used == set()
