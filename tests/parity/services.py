"""Stacks side by side: each project's service, started as the suite starts it, with the same settings and key."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.conformance.exchange import Recorder
from scaffold.conformance.falsifying import Falsifier
from scaffold.conformance.observing import Observations
from scaffold.conformance.openapi import OpenApi
from scaffold.conformance.project import Project
from scaffold.conformance.service import Launcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scaffold.conformance.keys import SigningKey
    from scaffold.conformance.servers import Server


@dataclass(frozen=True)
class Stack:
    """A project of one stack, and what starts its services."""

    name: str
    project: Project
    launcher: Launcher


@contextmanager
def stacks(projects: Mapping[str, Path], servers: Mapping[str, Server], key: SigningKey) -> Iterator[list[Stack]]:
    """A launcher for each project; what they started is ended afterwards."""
    scratch = Path(tempfile.mkdtemp(prefix="scaffold-parity-"))
    found: list[Stack] = []
    try:
        for slot, (name, folder) in enumerate(projects.items()):
            project = Project.read(folder)
            place = scratch / name
            place.mkdir()
            observations = Observations(OpenApi.of_contract(project.answers))
            launcher = Launcher(
                project=project, folder=place, servers=servers, key=key, recorder=Recorder(), observations=observations,
                falsifier=Falsifier(), slot=slot,
            )  # fmt: skip
            found.append(Stack(name, project, launcher))
        yield found
    finally:
        for stack in found:
            stack.launcher.close()
        shutil.rmtree(scratch, ignore_errors=True)
