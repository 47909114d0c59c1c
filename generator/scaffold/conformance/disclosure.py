"""Words in output that disclose how a service is built, whatever its stack."""

from __future__ import annotations

from scaffold.conformance import contract

#: Patterns of a stack trace in each runtime: Python, Node.js, Go, the JVM.
STACK_MARKS = (
    "Traceback (most recent call last)",
    "\n    at ",
    "goroutine ",
    "panic: ",
    "Exception in thread",
    "\tat ",
)

#: Words from internal messages and stack traces: drivers, SQL, classes, files.
INSIDES = (
    "psycopg", "pymysql", "sqlite", "kysely", "mysql2", "pgx", "gorm", "jdbc", "hikari", "hibernate",
    "SELECT", "INSERT", "UPDATE", "password_hash", "no such table", "no such column", "does not exist", "relation ",
    "Exception", "Error:", "panic", "goroutine", "Traceback",
    ".py", ".js", ".ts", ".go", ".java", "node:", "/usr/", "/home/",
)  # fmt: skip


def stack_marks(text: str) -> list[str]:
    """The marks of a stack trace in a text."""
    return [mark for mark in STACK_MARKS if mark in text]


def makers(text: str) -> list[str]:
    """The makers that a text names."""
    return [word for word in sorted(contract.makers()) if word in text.lower()]


def insides(text: str, *more: str) -> list[str]:
    """The internal words in a text; `more` adds some of the check's own."""
    return [word for word in (*INSIDES, *more) if word in text]
