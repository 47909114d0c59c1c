"""Project layout: the same root files, commands and map in every project, whatever its stack."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jinja2
import yaml

from scaffold.conformance import contract, expect
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scaffold.conformance.openapi import OpenApi
    from scaffold.conformance.project import Project

_NEEDS = {"project"}
_FILES = (
    "README.md", "Makefile", "Procfile", ".env.example", "Dockerfile", "compose.yaml", ".editorconfig", ".gitignore",
    "docs/api.http", "AGENTS.md", "CHANGELOG.md",
)  # fmt: skip
_TARGETS = (
    "setup", "dev", "run", "migrate", "test", "test-unit", "test-integration", "lint", "format", "check", "build",
    "image", "openapi", "contract",
)  # fmt: skip
_CI_FILES = {"github": ".github/workflows", "gitlab": ".gitlab-ci.yml"}
#: Made in every project, whatever its stack; the rest is in its stack.yml.
_MADE = {".git", "var"}


def _read(project: Project, name: str) -> str:
    file = project.folder / name
    expect.that(file.is_file(), f"the file {name} is missing")
    return file.read_text(encoding="utf-8")


@check("LAY01", "The root files of every project are there, and say something.", source="contract 7", needs=_NEEDS)
def check_root_files(project: Project, answers: Mapping[str, object]) -> None:
    for name in _FILES:
        expect.that(_read(project, name).strip(), f"{name} is empty")
    for forge, path in _CI_FILES.items():
        there = (project.folder / path).exists()
        expect.same(f"{path} with ci={answers.get('ci')}", there, answers.get("ci") == forge)


@check("LAY02", "`make` knows every command of the contract, and does something.", source="contract 7", needs=_NEEDS)
def check_makefile(project: Project) -> None:
    make = shutil.which("make")
    expect.that(make, "make is not installed")
    assert make is not None
    for target in _TARGETS:
        # Silent, it prints what it would run, and not that there is nothing to be done.
        command = [make, "--dry-run", "--silent", "--no-print-directory", target]
        found = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
        does = [line for line in found.stdout.splitlines() if not _IDLE.fullmatch(line.strip())]
        expect.that(found.returncode == 0 and does, f"make {target}: {found.stderr.strip() or 'does nothing'}")


#: Lines of a recipe that do nothing.
_IDLE = re.compile(r"(:|true|echo\b.*|#.*)?")


@check(
    "LAY03",
    "Every concept lies where the layout map says, and the README shows the map.",
    source="contract 7",
    needs=_NEEDS,
)
def check_map(project: Project, answers: Mapping[str, object]) -> None:
    readme = _read(project, "README.md")
    name = project.name.replace("-", "_")
    words = {
        "project_name": project.name,
        "package_name": name,
        **{key: value for key, value in answers.items() if not key.startswith("_")},
    }
    layout = contract.stack(project.stack).layout
    for entry in contract.document("layout.yaml"):
        if entry.get("part") and not answers.get(entry["part"]):
            continue
        paths = layout.get(entry["concept"], ())
        expect.that(paths, f"the layout map has no place for {entry['concept']} in {project.stack}")
        for pattern in paths:
            path = jinja2.Template(pattern, undefined=jinja2.StrictUndefined).render(words)
            there = project.folder / path
            expect.that(
                there.is_dir() if path.endswith("/") else there.is_file(), f"{entry['concept']}: {path} is missing"
            )
            expect.that(path in readme, f"the README's map lacks {path}")


@check(
    "LAY04",
    "The `Procfile` has `web`, `release` and `cleanup`, of bare names without a shell's features.",
    source="contract 7",
    needs=_NEEDS,
)
def check_procfile(project: Project) -> None:
    text = _read(project, "Procfile")
    commands = dict(re.findall(r"^(\w+): *(.+)$", text, re.MULTILINE))
    expect.that(
        {"web", "release", "cleanup"} <= set(commands), f"expected web, release and cleanup, got {sorted(commands)}"
    )
    for name, command in commands.items():
        expect.that(not re.search(r"[$|&;<>`*?~]", command), f"{name} needs a shell: {command}")
        expect.that("/" not in command.split()[0], f"{name} is no bare name: {command}")


@check(
    "LAY05",
    "`.env.example` names every setting of the contract, none that the project left out, and no secret that works.",
    source="contract 5, 7, 12; ASVS 13.3.1",
    needs=_NEEDS,
)
def check_env_example(project: Project, answers: Mapping[str, object]) -> None:
    text = _read(project, ".env.example")
    lines = re.findall(r"^(#?) ?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE)
    names = [name for _, name, _ in lines]
    known = contract.settings(answers)
    everything = contract.settings(dict(answers) | {"sample": True, "redis": True})
    stray = {name for name in names if name.removesuffix("_FILE") in everything.keys() - known.keys()}
    expect.same("settings of options that the project left out", stray, set())
    missing = {name for name in known if name not in names and f"{name}_FILE" not in names}
    expect.same("settings that are missing", missing, set())
    expect.same("names that stand twice", sorted(name for name in set(names) if names.count(name) > 1), [])
    expect.that("PRIVATE KEY" not in text, "a private key stands in .env.example")
    for comment, name, value in lines:
        setting = known.get(name.removesuffix("_FILE"))
        if setting is None:
            continue  # the service's own
        if comment and setting.default is not None and "{" not in setting.default:
            expect.same(f"the default of {name}", value, setting.default)
        # An address of a server of one's own machine works for nobody else.
        if setting.secret and not name.endswith("_FILE") and setting.type != "url":
            expect.same(f"the value of the secret {name}", value, "")
        if setting.secret and setting.type == "url" and setting.name != "AUTH_ISSUER":
            host = urlsplit(value).hostname
            expect.that(host in (None, "127.0.0.1", "localhost"), f"{name} names the server {host}")


@check(
    "LAY06", "What holds secrets or is made is ignored by git, and nothing else is.", source="ASVS 13.3.1", needs=_NEEDS
)
def check_gitignore(project: Project, tmp_path: Path) -> None:
    git = shutil.which("git")
    expect.that(git, "git is not installed")
    assert git is not None
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / ".gitignore").write_text(_read(project, ".gitignore"), encoding="utf-8")
    made = contract.stack(project.stack).made
    secret = [".env", "var/jwt-private-key.pem", f"var/{project.name}.db"]
    ignored = [*secret, *(f"{name}/inside/made" for name in sorted(made))]
    kept = [name for name in _FILES if (project.folder / name).is_file()]
    # Neither the machine's nor the user's rules may help.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run([git, "init", "--quiet"], cwd=repository, env=environment, check=True)
    asked = "\n".join([*ignored, *kept])
    command = [git, "check-ignore", "--stdin", "--no-index"]
    found = subprocess.run(
        command, cwd=repository, env=environment, input=asked, capture_output=True, text=True, check=False
    )
    expect.same("what git ignores", found.stdout.split(), ignored)


@check(
    "LAY07",
    "The image is built in stages, runs as a user without rights, checks its health, and starts by the `Procfile`'s words.",
    source="OWASP Docker Security; contract 7",
    needs=_NEEDS,
)
def check_dockerfile(project: Project) -> None:
    text = re.sub(r"\\\n", " ", _read(project, "Dockerfile"))
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    words: dict[str, list[str]] = {}
    for line in lines:
        words.setdefault(line[0].upper(), []).append(line[1] if len(line) > 1 else "")
    stages = words.get("FROM", [])
    expect.that(len(stages) >= 2, f"expected several stages, got {stages}")
    for stage in stages:
        image = stage.split()[0]
        # `scratch` is no image: it says that a stage begins with nothing.
        named = {other.split()[-1] for other in stages if " as " in other.lower()} | {"scratch"}
        expect.that(
            image in named or ("latest" not in image and (":" in image or "$" in image)), f"{image} is no fixed version"
        )
    users = words.get("USER", [])
    expect.that(users and users[-1].split(":")[0] not in ("root", "0"), f"expected a user without rights, got {users}")
    expect.that(any("/livez" in line for line in words.get("HEALTHCHECK", [])), "expected a HEALTHCHECK of /livez")
    command = words.get("CMD", [""])[-1]
    expect.same(
        "CMD in exec form", tuple(json.loads(command)) if command.startswith("[") else command, project.procfile["web"]
    )
    for secret in ("AUTH_JWT_PRIVATE_KEY", "DATABASE_URL", "METRICS_TOKEN"):
        expect.that(
            not any(secret in line for line in (*words.get("ENV", []), *words.get("ARG", []))),
            f"{secret} stands in the image",
        )


@check(
    "LAY08",
    "compose.yaml has the project's servers, waits for their health, and runs `release` before `web`.",
    source="contract 7",
    needs=_NEEDS,
)
def check_compose(project: Project, answers: Mapping[str, object]) -> None:
    services = yaml.safe_load(_read(project, "compose.yaml"))["services"]
    images = {name: str(entry.get("image", "")) for name, entry in services.items()}
    servers: list[str] = []
    for word, wanted in (
        ("postgres", answers.get("database") == "postgresql"),
        ("m(y|aria)", answers.get("database") == "mysql"),
        ("redis|valkey", bool(answers.get("redis"))),
    ):
        found = [name for name, image in images.items() if re.search(word, image.rpartition("/")[2])]
        expect.same(f"services with an image of {word}", bool(found), wanted)
        for name in found:
            expect.that("healthcheck" in services[name], f"{name} has no healthcheck")
            expect.that(
                not images[name].endswith(":latest") and ":" in images[name], f"{images[name]} is no fixed version"
            )
        servers += found
    release = _services_that_run(services, {project.procfile["release"]})
    expect.same("services that run the Procfile's release", len(release), 1)
    # Without a command it is the image's, which is the Procfile's `web`.
    web = _services_that_run({n: e for n, e in services.items() if n not in servers}, {(), project.procfile["web"]})
    expect.that(web, "expected a service that runs the Procfile's web")
    for name in web:
        waits = _condition(services[name], release[0])
        expect.same(f"what {name} waits for of {release[0]}", waits, "service_completed_successfully")
    for server in servers:
        waits = _condition(services[release[0]], server)
        expect.same(f"what {release[0]} waits for of {server}", waits, "service_healthy")


def _services_that_run(services: Mapping[str, Any], commands: set[tuple[str, ...]]) -> list[str]:
    found = {name: entry.get("command") or () for name, entry in services.items()}
    words = {name: shlex.split(text) if isinstance(text, str) else text for name, text in found.items()}
    return [name for name in services if tuple(words[name]) in commands]


def _condition(service: Mapping[str, Any], other: str) -> str | None:
    """What a service waits for before it starts: with the short form, only for the other's start."""
    waits = service.get("depends_on", {})
    if isinstance(waits, list):
        return "service_started" if other in waits else None
    condition = waits.get(other, {}).get("condition")
    return str(condition) if condition is not None else None


@check("LAY09", "docs/api.http shows every operation.", source="contract 7", needs=_NEEDS)
def check_api_http(project: Project, openapi: OpenApi) -> None:
    text = _read(project, "docs/api.http")
    requests = re.findall(r"^([A-Z]+) \{\{\s*\w+\s*\}\}(\S+)", text, re.MULTILINE)
    shown = {(method, openapi.match(re.sub(r"\{\{[^}]*\}\}", "x", target))) for method, target in requests}
    missing = [f"{o.method} {o.path}" for o in openapi.operations if (o.method, o.path) not in shown]
    expect.same("operations that are not shown", missing, [])


@check(
    "LAY10", "Nothing of the template is left in the files, and no key or token.", source="ASVS 13.3.1", needs=_NEEDS
)
def check_leftovers(project: Project) -> None:
    made = _MADE | contract.stack(project.stack).made
    for file in project.folder.rglob("*"):
        inside = file.relative_to(project.folder)
        if (
            not file.is_file()
            or file.is_symlink()
            or set(inside.parts) & made
            or inside.name in (".env", "common-passwords.txt")
        ):
            continue
        expect.that(file.suffix != ".jinja", f"{inside} is a template")
        text = file.read_bytes().decode("utf-8", "replace")
        expect.that(
            "copier" not in text.lower()
            or inside.name.startswith(".copier")
            or inside.name in ("README.md", "AGENTS.md"),
            f"{inside} speaks of its template",
        )
        expect.that(
            not re.search(r"\{%-? |StrictUndefined|\{\{ ?(project_name|package_name)", text),
            f"{inside} holds template syntax",
        )
        expect.that(
            not re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}", text),
            f"{inside} holds a private key",
        )


@check("LAY11", "The README says how to begin, and names every setting.", source="contract 7", needs=_NEEDS)
def check_readme(project: Project, answers: Mapping[str, object]) -> None:
    text = _read(project, "README.md")
    for word in ("make setup", "make check"):
        expect.that(word in text, f"the README lacks `{word}`")
    missing = [name for name in contract.settings(answers) if name not in text]
    expect.same("settings that the README lacks", missing, [])
