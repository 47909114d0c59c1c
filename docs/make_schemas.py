"""Makes generator/scaffold/schemas/ from `scaffold.commands.results`, the shape of what commands write with --json.

Run it after a change there: `python docs/make_schemas.py`; a test fails where it was forgotten.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from scaffold.commands.results import RESULTS, Envelope

SCHEMAS = Path(__file__).parents[1] / "generator" / "scaffold" / "schemas"
CONFIG = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class _WithoutTitles(GenerateJsonSchema):
    """Fields and their types need no titles beside their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - its signature
        return False


def schemas() -> dict[str, str]:
    """Every schema by its file name: each is usable alone."""
    made = {f"{name}.json": _schema(name, Envelope[Literal[name], of]) for name, of in RESULTS.items()}  # type: ignore[valid-type]
    return {"envelope.json": _schema("envelope", Envelope[str, dict[str, Any]]), **made}


def _schema(name: str, shape: Any) -> str:
    schema = TypeAdapter(shape, config=CONFIG).json_schema(schema_generator=_WithoutTitles)
    title = "What every command writes with --json" if name == "envelope" else f"scaffold {name} --json"
    head = {"$schema": GenerateJsonSchema.schema_dialect, "$id": f"{name}.json", "title": title}
    return (
        json.dumps({**head, **{key: schema[key] for key in schema if key not in {"title", "description"}}}, indent=2)
        + "\n"
    )


if __name__ == "__main__":
    for file, text in schemas().items():
        (SCHEMAS / file).write_text(text, encoding="utf-8")
