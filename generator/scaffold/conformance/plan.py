"""What a run decided before any check starts; handed to the processes that run the checks, as JSON."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.conformance.results import Credentials
from scaffold.conformance.servers import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAN = "SCAFFOLD_SUITE_PLAN"


@dataclass(frozen=True)
class Plan:
    """The run's target, means and selection."""

    folder: str
    """Scratch folder of the run; removed by the process that made it."""
    answers: Mapping[str, object]
    selected: tuple[str, ...]
    project: str | None = None
    url: str | None = None
    admin: Credentials | None = None
    metrics_token: str | None = None
    signing_key: str | None = None
    servers: Mapping[str, Server] | None = None
    templates: str | None = None
    falsifier: str | None = None

    def write(self) -> Path:
        """Store the plan in its folder; return the file."""
        file = Path(self.folder) / "plan.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return file

    @classmethod
    def read(cls) -> Plan:
        """The plan that the environment names."""
        data = json.loads(Path(os.environ[PLAN]).read_text(encoding="utf-8"))
        data["selected"] = tuple(data["selected"])
        if data["admin"]:
            data["admin"] = Credentials(**data["admin"])
        data["servers"] = {name: Server(**server) for name, server in (data["servers"] or {}).items()}
        return cls(**data)
