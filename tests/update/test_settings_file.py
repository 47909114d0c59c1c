"""What an update or another option asks of `.env`, which no merge changes, is told in the plan and at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke
    from tests.update.sources import Templates

TOLD = [
    (
        "DATABASE_URL stays as it is in .env: postgresql://127.0.0.1/pot fits the new answers. "
        "What is stored at the old address stays there, too"
    ),
    "CACHE_URL is new in .env: `make setup` adds it as redis://127.0.0.1",
    "OLD in .env is not read any more",
]


def test_new_changed_and_gone_settings_are_told(project: Path, templates: Templates, invoke: Invoke) -> None:
    templates.write(".env.example", "# Where.\nDATABASE_URL=sqlite:///pot.db\nOLD=1\n#SPARE=\n")
    templates.release("2.0.0")
    assert invoke("update", project).code == 0
    templates.write(
        ".env.example", "# Where.\nDATABASE_URL=postgresql://127.0.0.1/pot\nCACHE_URL=redis://127.0.0.1\n#SPARE=2\n"
    )
    templates.release("3.0.0")

    planned = invoke("update", project, "--dry-run", "--json").envelope["result"]["by_hand"]
    shown = invoke("update", project)

    assert planned == TOLD
    plan, _, end = shown.out.partition("Done")
    for line in TOLD:
        assert f"  {line}\n" in plan
        assert f"  {line}\n" in end
