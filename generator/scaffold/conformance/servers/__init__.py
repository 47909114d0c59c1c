"""Database and Redis servers that a run starts for itself, or was given by address.

An address in the environment wins over a server of our own: `SCAFFOLD_POSTGRESQL_URL`,
`SCAFFOLD_MYSQL_URL`, `SCAFFOLD_REDIS_URL` (with the right to create databases).
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.errors import MissingToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Server:
    """A reachable server: what the suite and what the service connect as."""

    kind: str
    version: str
    admin_url: str
    service_url: str


def given(variable: str) -> str | None:
    """The address that the environment names, if any."""
    return os.environ.get(variable) or None


def program(name: str, *, folders: Sequence[str] = (), package: str) -> str:
    """The path of a server's program; `folders` are glob patterns beyond PATH, newest version last."""
    found = shutil.which(name)
    if found is not None:
        return found
    for pattern in folders:
        matches = sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}"))
        if matches:
            return str(matches[-1])
    message = f"{name} is not installed"
    raise MissingToolError(message, hint=f"On Debian: apt-get install {package}")


def unprivileged(preferred: str) -> str | None:
    """The user to run a server as: most refuse root; None means as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in (preferred, "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    message = f"a server cannot run as {getpass.getuser()}, and there is no other user"
    raise MissingToolError(message, hint=f"Create the user {preferred}, or run as another user.")


@contextmanager
def server_folder(name: str, user: str | None) -> Iterator[Path]:
    """A temporary folder that `user` owns. Not below the run's own: other users cannot enter that."""
    folder = Path(tempfile.mkdtemp(prefix=f"scaffold-{name}-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
