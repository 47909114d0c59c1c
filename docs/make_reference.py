"""Makes docs/reference/ from the code, the questionnaire and the contract.

Run it after a change of any of them: `python docs/make_reference.py`; a test fails where it was forgotten.
"""

from __future__ import annotations

import html
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from scaffold.conformance.discovery import load_checks
from scaffold.questions.catalog import NO_DEFAULT, load_catalog
from scaffold.source import find_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

REFERENCE = Path(__file__).parent / "reference"
CONTRACT = Path(__file__).parents[1] / "contract"
METHODS = ("get", "post", "patch", "delete")
PARTS = ("general", "auth", "sample/products", "sample/orders", "health", "metrics")


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {
        "commands.md": commands(),
        "options.md": options(),
        "contract.md": contract(),
        "checks.md": checks(),
    }


def commands() -> str:
    """The commands, as Typer describes them, and what every command shares."""
    import subprocess  # noqa: PLC0415

    made = subprocess.run(
        [sys.executable, "-m", "typer", "scaffold.cli", "utils", "docs", "--name", "scaffold", "--title", "Commands"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": "", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"},
    )
    codes = [
        ("0", "done"),
        ("1", "failed"),
        (
            "2",
            "the command line or an answer is wrong; `status --exit-code` and `diff --exit-code`: there is an update",
        ),
        ("3", "conflicts are left to resolve, or would be"),
        ("4", "`status --exit-code` and `diff --exit-code`: files are not as they were rendered"),
        ("5", "a tool is missing"),
        ("130", "cancelled"),
    ]
    return html.unescape(made.stdout).rstrip() + "\n\n## Exit codes\n\n" + _table(("code", "meaning"), codes)


def options() -> str:
    """The questions of copier.yml."""
    rows = [
        (
            f"`{question.key}`",
            question.help,
            ", ".join(f"`{value}`" for value in question.values) or "text",
            "" if question.default is NO_DEFAULT else f"`{_shown(question.default)}`",
        )
        for question in load_catalog(find_source().root).asked
    ]
    return (
        "# Options\n\n"
        "What `scaffold new` asks. Give one on the command line with `-d KEY=VALUE`, several in a YAML file with\n"
        "`--answers FILE`. A default between double braces is worked out from other answers.\n\n"
        + _table(("option", "meaning", "values", "default"), rows)
    )


def contract() -> str:
    """The contract's tables."""
    parts = {part: _read(f"openapi/{part}.yaml") for part in PARTS}
    routes = [
        (method.upper(), f"`{path}`", operation["summary"], _who(operation), _option(part))
        for part, document in parts.items()
        for path, item in document.get("paths", {}).items()
        for method, operation in item.items()
        if method in METHODS
    ]
    settings = [
        (f"`{entry['name']}`", _default(entry), entry["description"] + _refused(entry), entry.get("part", ""))
        for entry in _read("settings.yaml")
    ]
    catalogue = _read("problems.yaml")
    problems = [
        (f"`{entry['slug']}`", str(entry["status"]), entry["description"], entry.get("part", ""))
        for entry in catalogue["problems"]
    ]
    codes = [
        (f"`{entry['const']}`", entry["description"], _option(part))
        for part, document in parts.items()
        for entry in document["components"].get("schemas", {}).get("FaultCode", {}).get("oneOf", ())
    ]
    metrics = [
        (f"`{entry['name']}`", entry["type"], ", ".join(f"`{label}`" for label in entry["labels"]), entry["help"])
        for entry in _read("metrics.yaml")
    ]
    events = [(f"`{entry['event']}`", entry["level"], entry["when"]) for entry in _read("events.yaml")]
    return "\n".join(
        [
            "# The contract\n",
            "What every generated service does, whatever its stack. *Part* names the option without which an entry",
            "is left out.\n",
            "## Operations\n",
            _table(("method", "path", "", "who", "part"), routes),
            "## Settings\n",
            _table(("name", "default", "", "part"), settings),
            "## Problems\n",
            "Replies of type `application/problem+json` (RFC 9457) with `type` `/problems/<slug>`; the statuses",
            f"{', '.join(str(status) for status in catalogue['blank'])} may stand alone as `about:blank`.\n",
            _table(("slug", "status", "", "part"), problems),
            "## Fault codes\n",
            "`errors[].code` of `validation-failed`.\n",
            _table(("code", "", "part"), codes),
            "## Metrics\n",
            _table(("family", "type", "labels", ""), metrics),
            "## Log events\n",
            _table(("event", "level", "when"), events),
        ]
    )


def checks() -> str:
    """The suite's checks by group."""
    entries = load_checks()
    text = (
        "# Checks\n\n"
        f"What `scaffold verify` checks, {len(entries)} in all. `--only` takes an id or the name of a group.\n"
    )
    for group in sorted({entry.group for entry in entries}):
        rows = [
            (entry.id, entry.sentence, entry.source, " ".join(sorted(entry.parts)))
            for entry in entries
            if entry.group == group
        ]
        text += f"\n## {group}\n\n" + _table(("id", "expected", "source", "part"), rows)
    return text


def _read(name: str) -> Any:
    return yaml.safe_load((CONTRACT / name).read_text(encoding="utf-8"))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _who(operation: dict[str, Any]) -> str:
    if not operation["security"]:
        return "anyone"
    ways = {"bearer": "token", "apiKey": "key", "metricsToken": "metrics token"}
    callers = [" ".join([ways[scheme], *scopes]) for way in operation["security"] for scheme, scopes in way.items()]
    role = f", {operation['x-required-role']}" if "x-required-role" in operation else ""
    return " or ".join(callers) + role


def _option(part: str) -> str:
    """The option that a part of the OpenAPI document is left out without."""
    return part.rpartition("/")[0]


def _default(entry: dict[str, Any]) -> str:
    if "default" in entry:
        return f"`{entry['default']}`"
    return {"always": "*required*", "production": "*required in production*"}.get(entry.get("required", ""), "")


def _refused(entry: dict[str, Any]) -> str:
    return f" Production refuses {entry['refused']}." if "refused" in entry else ""


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
