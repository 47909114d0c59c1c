"""Puts the releases of the templates into what is built: see docs/decisions/0012-template-history.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLACES = {"sdist": "history", "wheel": "scaffold/history"}
_FILES = ("releases.bundle", "VERSION")


class TemplateHistory(BuildHookInterface[Any]):
    """Makes the history from the checkout, or takes what a source distribution holds of it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the history to the files of a build."""
        if version == "editable":
            return
        root = Path(self.root)
        folder = root / "history"
        if not (folder / "releases.bundle").is_file():
            folder = self._make(root)
        for name in _FILES:
            build_data["force_include"][str(folder / name)] = f"{_PLACES[self.target_name]}/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Remove what was only needed while building."""
        if made := getattr(self, "_made", None):
            made.cleanup()

    def _make(self, root: Path) -> Path:
        # The package itself is not installed yet.
        sys.path.insert(0, str(root / "generator"))
        from scaffold.errors import ScaffoldError  # noqa: PLC0415
        from scaffold.history import releases  # noqa: PLC0415

        self._made = tempfile.TemporaryDirectory(prefix="scaffold-")
        folder = Path(self._made.name)
        try:
            tip = releases.write_bundle(root, folder / "releases.bundle", tip=True)
        except ScaffoldError as error:
            # What builds the package shows the message alone.
            raise RuntimeError("; ".join(filter(None, (error.message, error.hint)))) from None
        (folder / "VERSION").write_text(f"{tip}\n", encoding="utf-8")
        return folder
