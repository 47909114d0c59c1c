"""This installation of the tool: its version, and the templates that came with it."""

from __future__ import annotations

from pathlib import Path

from scaffold.errors import TemplateNotFoundError

_PACKAGE = Path(__file__).resolve().parent


def tool_version() -> str:
    """Return the version of this tool."""
    root = checkout()
    if root is not None:
        import tomllib  # noqa: PLC0415 - installed packages never get here

        manifest = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        return str(manifest["project"]["version"])
    from importlib.metadata import version  # noqa: PLC0415 - a slow import that most commands do without

    return version("scaffold-stacks")


def own_templates() -> Path:
    """Return the folder of the templates that belong to this tool.

    Raises:
        TemplateNotFoundError: The installation is broken and holds none.
    """
    if _is_packaged():
        return _PACKAGE / "source"
    root = checkout()
    if root is not None:
        return root
    message = "this installation of scaffold holds no templates"
    raise TemplateNotFoundError(message, hint="install it again, or name a folder of templates with --template")


def own_evidence() -> Path:
    """Return the folder of what is proven of the tool's own templates.

    Raises:
        TemplateNotFoundError: The installation is broken and holds no templates.
    """
    root = own_templates()
    return root / "evidence" if _is_packaged() else root / "docs" / "evidence"


def releases_bundle() -> Path:
    """Return where the git bundle of all releases is: in the package, or in an unpacked source distribution."""
    root = checkout()
    return (_PACKAGE if root is None else root) / "history" / "releases.bundle"


def packaged_version() -> str | None:
    """Return the version of the templates that the build wrote into the package, if it did."""
    noted = releases_bundle().with_name("VERSION")
    return noted.read_text(encoding="utf-8").strip() if noted.is_file() else None


def checkout() -> Path | None:
    """Return the root of the checkout that the tool runs from, if it runs from one."""
    root = _PACKAGE.parent.parent
    return root if all((root / name).exists() for name in ("copier.yml", "pyproject.toml", "templates")) else None


def _is_packaged() -> bool:
    return (_PACKAGE / "source" / "copier.yml").is_file()
