"""What the user has to change in `.env` after a merge, which does not touch that file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = ".env.example"


def to_do(before: str, after: str) -> Iterator[str]:
    """Yield what is to be done to `.env`.

    Args:
        before: `.env.example` as it was rendered.
        after: `.env.example` as it will be.
    """
    old, new = _values(before), _values(after)
    for name in new:
        if name not in old:
            yield f"{name} is new in .env: `make setup` adds it as {new[name] or 'empty'}"
        elif old[name] != new[name]:
            yield (
                f"{name} stays as it is in .env: {new[name]} fits the new answers. "
                "What is stored at the old address stays there, too"
            )
    for name in old.keys() - new.keys():
        yield f"{name} in .env is not read any more"


def _values(example: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", example, re.MULTILINE))
