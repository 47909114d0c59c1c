"""Digests of the suite's own code: the evidence of a run is valid as long as they are the same.

Comments, docstrings and blank lines do not count. A check depends on its module and on what all modules use, so
there is one digest of each group, and one of the rest.
"""

from __future__ import annotations

import ast
import io
import tokenize
from functools import cache
from hashlib import sha256
from pathlib import Path

_SUITE = Path(__file__).resolve().parent


@cache
def groups(suite: Path = _SUITE) -> dict[str, str]:
    """The digest of each group of checks, by its name."""
    modules = sorted((suite / "checks").glob("*.py"))
    return {module.stem: _digest([(module, suite)]) for module in modules if module.stem != "__init__"}


@cache
def rest(suite: Path = _SUITE) -> str:
    """The digest of what all groups use: the fixtures, clients and servers."""
    files = (path for path in sorted(suite.rglob("*")) if path.is_file() and path.parent.name != "checks")
    return _digest([(path, suite) for path in files if "__pycache__" not in path.parts])


def _digest(files: list[tuple[Path, Path]]) -> str:
    total = sha256()
    for file, root in files:
        content = file.read_bytes()
        if file.suffix == ".py":
            content = "\n".join(_code(content.decode("utf-8"))).encode()
        total.update(f"{file.relative_to(root).as_posix()}\0{sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def _code(source: str) -> list[str]:
    """The lines of a module without comments and docstrings."""
    lines = [line.encode() for line in source.splitlines()]
    for first, start, last, end in sorted([*_docstrings(source), *_comments(source)], reverse=True):
        if first == last:
            lines[first] = lines[first][:start] + lines[first][end:]
        else:
            lines[first : last + 1] = [lines[first][:start], *[b""] * (last - first - 1), lines[last][end:]]
    return [line.decode().rstrip() for line in lines if line.strip()]


_Span = tuple[int, int, int, int]
"""First line and column, last line and column: in bytes, counted from 0."""


def _docstrings(source: str) -> list[_Span]:
    """The strings that stand alone, of attributes too."""
    return [
        (node.lineno - 1, node.col_offset, (node.end_lineno or node.lineno) - 1, node.end_col_offset or 0)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]


def _comments(source: str) -> list[_Span]:
    lines = source.splitlines()
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            start = len(lines[line - 1][:column].encode())
            found.append((line - 1, start, line - 1, start + len(token.string.encode())))
    return found
