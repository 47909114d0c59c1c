"""The lists of mutations fit the code that stacks write today; `mutate.py` tries them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mutate
import pytest

if TYPE_CHECKING:
    from pathlib import Path


#: What a how-to lets a command write.
MADE = {"shop/suppliers/migrations/0001_initial.py"}


@pytest.mark.parametrize("name", mutate.LISTS)
def test_every_mutation_fits(name: str, tmp_path: Path) -> None:
    mutations = mutate.load(name)
    stack = name.removeprefix("own-")
    loose = []
    for on in sorted({mutation.on for mutation in mutations}):
        project = mutate.written(stack, on, tmp_path / on)
        for mutation in mutations:
            if mutation.on == on and mutation.file not in MADE:
                file = project / mutation.file
                times = file.read_text(encoding="utf-8").count(mutation.find) if file.is_file() else 0
                if times != 1:
                    loose.append(f"{mutation.id}: what it replaces stands {times} times in {mutation.file}")
    assert loose == []
