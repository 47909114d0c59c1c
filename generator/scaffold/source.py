"""Where templates come from: the copy inside the package, a checkout of the tool, or a folder named by the user."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from scaffold.errors import TemplateNotFoundError

#: What a template release consists of, whatever else lies beside it.
PARTS = ("copier.yml", "templates", "contract")

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Source:
    """A set of templates on disk.

    Attributes:
        root: Folder of copier.yml.
        name: What a project records as its origin; never a path of this machine.
        version: Version of the templates, or nothing where the source has none.
        evidence: Folder of the evidence that belongs to the source.
    """

    root: Path
    name: str
    version: str | None
    evidence: Path

    @property
    def record(self) -> dict[str, str]:
        """What the answers file of a project says about its origin."""
        recorded = {"_src_path": self.name}
        if self.version:
            recorded["_commit"] = f"v{self.version}"
        return recorded


def tool_version() -> str:
    """Return the version of this tool."""
    checkout = _checkout()
    if checkout is not None:
        import tomllib  # noqa: PLC0415 - installed packages never get here

        manifest = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
        return str(manifest["project"]["version"])
    from importlib.metadata import version  # noqa: PLC0415 - a slow import that most commands do without

    return version("scaffold-stacks")


def find(template: Path | None = None) -> Source:
    """Return the source to use.

    Args:
        template: Folder named by the user; without it the templates that belong to this tool.

    Raises:
        TemplateNotFoundError: There is no copier.yml at that place.
    """
    if template is not None:
        return _foreign(template)
    bundled = _PACKAGE / "source"
    if (bundled / "copier.yml").is_file():
        return Source(bundled, "scaffold", tool_version(), bundled / "evidence")
    checkout = _checkout()
    if checkout is not None:
        return Source(checkout, "scaffold", tool_version(), checkout / "docs" / "evidence")
    message = "this installation of scaffold holds no templates"
    raise TemplateNotFoundError(message, hint="install it again, or name a folder of templates with --template")


def _foreign(template: Path) -> Source:
    root = template.expanduser().resolve()
    if not (root / "copier.yml").is_file():
        message = f"there is no template at {template}"
        raise TemplateNotFoundError(message, hint="a template is a folder with a copier.yml in it")
    mark = sha256(str(root).encode()).hexdigest()[:12]
    return Source(root, f"local:{mark}", None, root / "docs" / "evidence")


def _checkout() -> Path | None:
    root = _PACKAGE.parent.parent
    return root if all((root / name).exists() for name in ("copier.yml", "pyproject.toml", "templates")) else None
