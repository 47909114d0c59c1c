"""A rendered project on disk, with what is needed to run it."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from scaffold.conformance import contract
from scaffold.conformance.errors import ConformanceError
from scaffold.errors import NotAProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Project:
    """The folder, the answers it was rendered with, and its `Procfile`."""

    folder: Path
    answers: Mapping[str, object]
    procfile: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, folder: Path) -> Project:
        """Read a project.

        Raises:
            NotAProjectError: The folder was not rendered by this tool.
            ConformanceError: It has no usable `Procfile`.
        """
        folder = folder.resolve()
        answers_file = folder / ".copier-answers.yml"
        if not answers_file.is_file():
            raise NotAProjectError(folder)
        answers = yaml.safe_load(answers_file.read_text(encoding="utf-8"))
        procfile = folder / "Procfile"
        if not procfile.is_file():
            message = f"{folder.name} has no Procfile"
            raise ConformanceError(message, hint="the suite starts a service by the lines of its Procfile")
        lines = [line.partition(":") for line in procfile.read_text(encoding="utf-8").splitlines()]
        commands = {
            name.strip(): tuple(shlex.split(command))
            for name, colon, command in lines
            if colon and not name.lstrip().startswith("#")
        }
        for name in ("web", "release"):
            if not commands.get(name):
                message = f"the Procfile of {folder.name} has no line {name}:"
                raise ConformanceError(message, hint="see section 7 of the service contract")
        return cls(folder, answers, commands)

    @property
    def name(self) -> str:
        """The project's name."""
        return str(self.answers.get("project_name", self.folder.name))

    @property
    def stack(self) -> str:
        """The stack it was rendered from."""
        return str(self.answers.get("stack", ""))

    def own_settings(self) -> dict[str, str]:
        """The settings in `.env` that the contract does not know: the service may not start without them."""
        file = self.folder / ".env"
        if not file.is_file():
            return {}
        known = contract.settings(dict(self.answers) | {"sample": True, "redis": True})
        lines = re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        return {name: value for name, value in lines if name.removesuffix("_FILE") not in known}

    def environment(self) -> dict[str, str]:
        """What every process of the project gets beside its settings."""
        tools = [str(self.folder / name) for name in contract.stack(self.stack).tools]
        java = os.environ.get("JAVA_HOME")
        if java:
            tools.append(f"{java}/bin")
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR", "JAVA_HOME") if name in os.environ}
        return kept | {
            "PATH": os.pathsep.join([*tools, os.environ.get("PATH", os.defpath)]),
            "LANG": "C.UTF-8",
        }
