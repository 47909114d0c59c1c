"""Words by which output gives away what a service is made of, whatever stack it is of."""

from __future__ import annotations

from scaffold.conformance import contract

#: What a stack trace looks like in each runtime: Python, Node.js, Go, the JVM.
STACK_MARKS = (
    "Traceback (most recent call last)",
    "\n    at ",
    "goroutine ",
    "panic: ",
    "Exception in thread",
    "\tat ",
)

#: What stands in the messages and stacks of an inside: drivers, SQL, classes, files.
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
    """The words from an inside in a text; `more` names some of the check's own."""
    return [word for word in (*INSIDES, *more) if word in text]
