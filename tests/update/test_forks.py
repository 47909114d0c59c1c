"""Projects of forks: out of reach, moved, and made by plain Copier between two releases."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import copier
import pytest
from tests.update.conftest import commit, git
from tests.update.sources import Templates

from scaffold.history.addresses import origin_at
from scaffold.source import find_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke, Outcome

URL = "https://git.example/pots.git"
LATER = "a line of the template\n"


def _result(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.out
    result: dict[str, Any] = outcome.envelope["result"]
    return result


def _serve(work: Path, origin: Path) -> None:
    """Let git find a repository under the URL."""
    git(work, "config", "--global", f"url.{origin}.insteadOf", URL)


@pytest.fixture
def remote(templates: Templates, work: Path, invoke: Invoke) -> Path:
    """A project of a fork that is known by its URL and cannot be reached any more."""
    templates.release("1.0.0")
    _serve(work, templates.origin)
    assert invoke("new", "pot", "-s", "one", "--template", URL).code == 0
    _unplug(templates)
    return work / "pot"


def _unplug(templates: Templates) -> None:
    templates.origin.rename(templates.origin.with_name("unplugged.git"))


def _plug(templates: Templates) -> None:
    templates.origin.with_name("unplugged.git").rename(templates.origin)


def test_status_without_a_network_says_so(remote: Path, templates: Templates, invoke: Invoke) -> None:
    result = _result(invoke("status", remote, "--json"))

    assert (result["version"], result["newest"], result["update_available"]) == ("1.0.0", "1.0.0", False)
    assert URL in result["unreached"]["message"]
    assert "network" in result["unreached"]["hint"]
    said = invoke("status", remote)
    assert said.code == 0
    assert "the newest known here" in said.out
    assert URL in said.out
    assert _result(invoke("diff", remote, "--json"))["patch"] == ""
    assert _result(invoke("set", "size=large", "--project", remote, "--json"))["state"] == "done"
    refused = invoke("update", remote, "--json")
    assert (refused.code, refused.envelope["error"]["code"]) == (1, "source-unreached")
    _plug(templates)
    assert _result(invoke("status", remote, "--json"))["unreached"] is None


def test_what_was_once_used_here_is_known_without_a_network(
    remote: Path, templates: Templates, work: Path, invoke: Invoke
) -> None:
    # Nobody knows whether there is something new: that is no "no".
    unknown = invoke("status", remote, "--exit-code", "--json")
    assert (unknown.code, unknown.envelope["error"]["code"]) == (1, "source-unreached")
    assert unknown.envelope["result"]["newest"] == "1.0.0"
    _plug(templates)
    templates.release("2.0.0")
    assert invoke("new", "pan", "-s", "one", "--template", URL).code == 0
    _unplug(templates)

    known = invoke("status", remote, "--exit-code", "--json")

    assert (known.code, known.envelope["result"]["newest"]) == (2, "2.0.0")
    assert invoke("update", remote, "--to", "2.0.0").code == 0
    assert git(remote, "rev-parse", "HEAD:letter.txt") == git(work / "pan", "rev-parse", "HEAD:letter.txt")


def test_diff_of_a_project_whose_templates_have_moved(
    project: Path, templates: Templates, work: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    (project / "letter.txt").write_text("mine\n")
    templates.write("code.py", LATER)
    templates.release("1.1.0")
    templates.write("code.py", LATER * 2)
    templates.release("2.0.0")
    moved = work / "moved.git"
    templates.origin.rename(moved)

    refused = invoke("diff", project, "--json")
    assert (refused.code, refused.envelope["error"]["code"]) == (1, "source-not-found")

    mine = _result(invoke("diff", project, "--from", moved, "--json"))
    assert [file["path"] for file in mine["files"] if file["state"] != "untouched"] == ["letter.txt"]
    theirs = _result(invoke("diff", project, "--template", "--from", moved, "--to", "1.1.0", "--json"))
    assert (theirs["old"], theirs["new"]) == ("v1.0.0", "v1.1.0")
    assert f"+{LATER}" in theirs["patch"]
    monkeypatch.setenv("SCAFFOLD_TEMPLATE", str(moved))
    assert _result(invoke("diff", project, "--template", "--json"))["new"] == "v2.0.0"


@pytest.mark.parametrize("tag", ["v1.0.0", "1.0.0", None])
@pytest.mark.parametrize("place", ["path", "URL"])
@pytest.mark.filterwarnings("ignore")  # Copier's own
def test_a_project_that_plain_copier_made_between_releases(
    tag: str | None,
    place: str,
    templates: Templates,
    work: Path,
    invoke: Invoke,
) -> None:
    templates.release("1.0.0")
    for number in range(2):
        templates.write("letter.txt", templates.file("letter.txt").read_text() + LATER)
        commit(templates.root, f"Work {number}")
    if tag == "1.0.0":
        templates.git("tag", tag, "v1.0.0")
    if tag != "v1.0.0":
        templates.git("tag", "--delete", "v1.0.0")
    templates.git("push", "--quiet", "--mirror", str(templates.origin))
    data = {"stack": "one", "project_name": "pot"}
    copier.run_copy(str(templates.root), work / "pot", data=data, vcs_ref="HEAD", defaults=True, quiet=True)
    answers = work / "pot/.copier-answers.yml"
    origin = str(templates.origin)
    if place == "URL":
        _serve(work, templates.origin)
        origin = URL
    answers.write_text(answers.read_text().replace(f"{templates.root}\n", f"{origin}\n"))
    git(work / "pot", "init", "--quiet")
    commit(work / "pot")
    digits = git(templates.root, "rev-parse", "--short", "HEAD")
    described = f"{tag}-2-g{digits}" if tag else digits
    assert f"_commit: {described}\n" in answers.read_text()

    assert invoke("diff", "pot").out == "", "it is what was rendered"
    status = _result(invoke("status", "pot", "--json")) if tag else None
    assert _result(invoke("set", "extra=true", "--project", "pot", "--json"))["state"] == "done"
    assert f"_commit: {described}\n" in answers.read_text(), "the version is the same"
    if status is not None:
        # The release came before what the project has.
        assert not status["update_available"]
        refused = invoke("update", "pot", "--json")
        assert (refused.code, refused.envelope["error"]["code"]) == (1, "downgrade")
    templates.write("letter.txt", templates.file("letter.txt").read_text() + "newest\n")
    templates.release("2.0.0")

    assert _result(invoke("update", "pot", "--json"))["to"] == "2.0.0"

    assert (work / "pot/letter.txt").read_text().endswith(LATER * 2 + "newest\n")
    assert "_commit: v2.0.0\n" in answers.read_text()


def test_a_commit_that_is_no_more_is_an_error(project: Path, invoke: Invoke) -> None:
    answers = project / ".copier-answers.yml"
    for described in ("v1.0.0-3-gabcdef1", "abcdef1"):
        answers.write_text(answers.read_text().replace("_commit: v1.0.0\n", f"_commit: {described}\n"))

        outcome = invoke("status", project, "--json")

        assert (outcome.code, outcome.envelope["error"]["code"]) == (1, "unknown-version")
        answers.write_text(answers.read_text().replace(f"_commit: {described}\n", "_commit: v1.0.0\n"))


def test_a_fork_is_held_to_its_own_contract(templates: Templates, work: Path, invoke: Invoke) -> None:
    shutil.copytree(find_source().root / "contract", templates.root / "contract")
    (templates.root / "contract/settings.yaml").write_text("- {name: POT_SIZE, type: int, default: 3}\n")
    templates.write("Procfile", "web: serve\nrelease: migrate\n")
    templates.write("Makefile", "build:\n")
    templates.write(".env.example", "POT_SIZE=3\n")
    templates.release("1.0.0")
    assert invoke("new", "pot", "-s", "one", "--template", templates.origin).code == 0
    of_settings = ("verify", "pot", "--only", "LAY05", "--json")

    assert [check["outcome"] for check in _result(invoke(*of_settings))["checks"]] == ["passed"]

    (work / "pot/.env.example").write_text("# nothing\n")
    failed = invoke(*of_settings).envelope["result"]["checks"]
    assert [(check["outcome"], "POT_SIZE" in check["report"]) for check in failed] == [("failed", True)]
    templates.origin.rename(work / "moved.git")
    lost = invoke(*of_settings)
    assert (lost.code, lost.envelope["error"]["code"]) == (1, "source-not-found")
    again = invoke(*of_settings, "--template", work / "moved.git").envelope["result"]["checks"]
    assert [check["report"] for check in again] == [check["report"] for check in failed]


def _other(work: Path, *releases: str) -> Templates:
    """Another fork, which has nothing to do with the first."""
    other = Templates.begin(work.parent / "others")
    other.write("letter.txt", "another letter\n")
    other.write("CHANGELOG.md", "## 0.5.0\n\nNobody's business.\n")
    for release in releases:
        other.release(release)
    return other


def test_moving_to_a_fork_compares_no_versions(project: Path, work: Path, invoke: Invoke) -> None:
    other = _other(work, "0.4.0", "0.5.0")
    name = origin_at(other.origin).name

    status = invoke("status", project, "--template", other.origin, "--exit-code", "--json")
    shown = invoke("status", project, "--template", other.origin)
    planned = _result(invoke("update", project, "--template", other.origin, "--dry-run", "--json"))
    done = invoke("update", project, "--template", other.origin)

    found = status.envelope["result"]
    assert (status.code, found["newest"], found["moves_to"], found["update_available"]) == (2, "0.5.0", name, True)
    news = f"v0.5.0 of {name} is available: scaffold update --template {other.origin})"
    assert news in " ".join(shown.out.split())
    assert (planned["title"], planned["notes"]) == (f"Update the templates to v0.5.0 of {name}", "")
    assert done.code == 0, done.err
    assert git(project, "log", "-1", "--format=%b").startswith("Made by scaffold from v1.0.0 of local:")
    after = _result(invoke("status", project, "--json"))
    assert (after["origin"], after["version"], after["moves_to"]) == (name, "0.5.0", None)


def test_the_same_templates_at_another_place_are_no_others(
    project: Path, templates: Templates, work: Path, invoke: Invoke
) -> None:
    mirror = work / "mirror.git"
    git(work, "clone", "--quiet", "--mirror", str(templates.origin), str(mirror))
    git(mirror, "tag", "v0.9.0", "v1.0.0")
    git(mirror, "tag", "--delete", "v1.0.0")
    other = invoke("update", project, "--template", mirror, "--json")
    git(mirror, "tag", "v1.0.0", "v0.9.0")
    same = invoke("update", project, "--template", mirror, "--to", "1.0.0", "--json")

    assert _result(other)["title"].startswith("Update the templates to v0.9.0 of local:")
    git(project, "reset", "--quiet", "--hard", "HEAD^")
    assert _result(same)["title"] == "Update the templates to v1.0.0"


@pytest.mark.parametrize("command", ["status", "update", "diff"])
def test_the_environment_moves_no_project(
    command: str, project: Path, work: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    monkeypatch.setenv("SCAFFOLD_TEMPLATE", str(_other(work, "3.0.0").origin))
    flags = ["--template"] if command == "diff" else []

    result = _result(invoke(command, project, *flags, "--json"))

    assert result.get("newest", result.get("to", result.get("new", "").removeprefix("v"))) == "1.0.0"


def test_back_to_the_templates_of_the_tool(work: Path, invoke: Invoke) -> None:
    fork, own = work / "fork", find_source().root
    for part in ("templates", "contract"):
        shutil.copytree(own / part, fork / part)
    shutil.copy(own / "copier.yml", fork)
    git(work, "init", "--quiet", "fork")
    commit(fork)
    git(fork, "tag", "v9.0.0")
    assert invoke("new", "shop", "-s", "django", "--template", fork).code == 0

    status = _result(invoke("status", "shop", "--template", "scaffold", "--json"))
    outcome = invoke("update", "shop", "--template", "scaffold", "--json")

    assert status["moves_to"] == "scaffold"
    assert _result(outcome)["to"] == status["newest"]
    assert "_src_path: scaffold\n" in (work / "shop/.copier-answers.yml").read_text()
    fork.rename(work / "scaffold")
    assert _result(invoke("status", "shop", "--template", "scaffold", "--json"))["moves_to"] is None
    folder = _result(invoke("status", "shop", "--template", "./scaffold", "--json"))
    assert folder["moves_to"].startswith("local:")


@pytest.mark.parametrize("wanted", ["a branch", "a commit"])
def test_what_was_never_released_is_found_by_others(
    wanted: str, templates: Templates, work: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    templates.release("1.0.0")
    _serve(work, templates.origin)
    templates.write("letter.txt", templates.file("letter.txt").read_text() + LATER)
    revision = commit(templates.root)
    templates.git("push", "--quiet", "--mirror", str(templates.origin))
    version = "main" if wanted == "a branch" else revision
    assert invoke("new", "pot", "-s", "one", "--template", URL, "--version", version).code == 0
    templates.release("2.0.0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(work.parent / "another machine"))

    assert "_commit: v0+0.t" in (work / "pot/.copier-answers.yml").read_text()
    assert _result(invoke("status", "pot", "--json"))["drifted"] == []
    assert _result(invoke("update", "pot", "--json"))["to"] == "2.0.0"


def test_a_past_state_of_a_folder_is_found_by_others(
    templates: Templates, work: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    templates.write("README.md", "Not of the templates alone.\n")
    (templates.root / "README.md").write_text("Beside them.\n")
    commit(templates.root)
    assert invoke("new", "pot", "-s", "one", "--template", templates.root).code == 0
    templates.write("letter.txt", templates.file("letter.txt").read_text() + LATER)
    templates.release("1.0.0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(work.parent / "another machine"))
    template = ("--template", templates.root)

    assert _result(invoke("status", "pot", *template, "--json"))["drifted"] == []
    assert _result(invoke("update", "pot", *template, "--json"))["to"] == "1.0.0"


def test_tags_of_something_else(templates: Templates, work: Path, invoke: Invoke) -> None:
    templates.release("1.0.0")
    for tag in ("service/v9.0.0", "templates/v0.1.0", "1.1.0rc1", "v0.1"):
        templates.git("tag", tag)
    templates.git("push", "--quiet", "--mirror", str(templates.origin))

    for place in (templates.origin, templates.root):
        assert invoke("new", f"of-{place.name}", "-s", "one", "--template", place).code == 0
        assert "_commit: v1.0.0\n" in (work / f"of-{place.name}/.copier-answers.yml").read_text()


@pytest.mark.parametrize("form", ["file://{}", "file://localhost{}"])
def test_a_folder_as_a_url(form: str, templates: Templates, work: Path, invoke: Invoke) -> None:
    templates.release("1.0.0")
    templates.root.rename(work / "a place")
    place = form.format(work / "a%20place")

    assert invoke("new", "pot", "-s", "one", "--template", place).code == 0


@pytest.mark.parametrize("short", ["gh:acme/pots", "git+https://github.com/acme/pots"])
def test_forms_that_only_copier_knows(short: str, templates: Templates, work: Path, invoke: Invoke) -> None:
    templates.release("1.0.0")
    git(work, "config", "--global", f"url.{templates.origin}.insteadOf", "https://github.com/acme/pots")
    assert invoke("new", "pot", "-s", "one", "--template", short).code == 0
    answers = work / "pot/.copier-answers.yml"

    assert "_src_path: https://github.com/acme/pots\n" in answers.read_text()
    answers.write_text(answers.read_text().replace("https://github.com/acme/pots", short))
    commit(work / "pot", "As plain Copier would have it")
    assert _result(invoke("status", "pot", "--json"))["drifted"] == []


@pytest.mark.parametrize("releases", [("202411241200", "202411251200"), ("20241124", "20241125"), ("24.11", "24.12")])
def test_releases_by_the_calendar(releases: tuple[str, str], templates: Templates, work: Path, invoke: Invoke) -> None:
    templates.release(releases[0])
    _serve(work, templates.origin)
    assert invoke("new", "pot", "-s", "one", "--template", URL).code == 0
    templates.write("letter.txt", LATER)
    templates.release(releases[1])

    status = _result(invoke("status", "pot", "--json"))

    assert (status["version"], status["newest"], status["update_available"]) == (*releases, True)
    assert _result(invoke("update", "pot", "--json"))["to"] == releases[1]
    _unplug(templates)
    assert _result(invoke("status", "pot", "--json"))["version"] == releases[1]


def test_templates_to_move_to_are_no_stand_in(
    remote: Path, work: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    other = _other(work, "1.0.0", "1.1.0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(work.parent / "another machine"))

    for command in (["update", "--dry-run"], ["status"]):
        refused = invoke(*command, remote, "--template", other.origin, "--json")
        assert (refused.code, refused.envelope["error"]["code"]) == (1, "source-unreached")


def test_a_name_in_a_url_that_is_recorded_already(templates: Templates, work: Path, invoke: Invoke) -> None:
    templates.release("1.0.0")
    named = "https://me@git.example/pots.git"
    git(work, "config", "--global", "--add", f"url.{templates.origin}.insteadOf", named)
    assert invoke("new", "pot", "-s", "one", "--template", named).code == 2
    assert invoke("new", "pot", "-s", "one", "--template", templates.origin).code == 0
    answers = work / "pot/.copier-answers.yml"
    name = origin_at(templates.origin).name
    answers.write_text(answers.read_text().replace(name, named))
    commit(work / "pot")
    templates.write("letter.txt", LATER)
    templates.release("2.0.0")

    assert _result(invoke("status", "pot", "--json"))["newest"] == "2.0.0"
    assert _result(invoke("update", "pot", "--json"))["to"] == "2.0.0"


def test_a_folder_that_lost_its_templates(
    project: Path, templates: Templates, work: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    templates.origin.rename(work / "moved.git")
    templates.origin.mkdir()

    refused = invoke("status", project, "--json")
    assert (refused.code, refused.envelope["error"]["code"]) == (1, "template-not-found")
    monkeypatch.setenv("SCAFFOLD_TEMPLATE", str(work / "moved.git"))
    assert _result(invoke("status", project, "--json"))["drifted"] == []
    assert _result(invoke("update", project, "--json"))["state"] == "done"


def _upstream_releases(templates: Templates, version: str) -> None:
    """Release something that has nothing of what the fork has added, and let its tag get into the fork."""
    templates.git("switch", "--quiet", "--detach", "v1.0.0")
    templates.write("letter.txt", "upstream\n")
    log = f"# Changelog\n\n## {version}\n\n### To do by hand\n\n- Water the plants.\n"
    (templates.root / "CHANGELOG.md").write_text(log)
    templates.release(version)


@pytest.mark.parametrize("place", ["folder", "URL"])
def test_a_tag_of_the_upstream_is_no_release_of_the_fork(
    place: str, project: Path, templates: Templates, work: Path, invoke: Invoke
) -> None:
    templates.write("company.txt", "ours\n")
    templates.release("1.0.0.1")
    if place == "URL":
        _serve(work, templates.origin)
        assert invoke("update", project, "--template", URL).code == 0
    else:
        assert invoke("update", project).code == 0
    _upstream_releases(templates, "1.1.0")

    refused = invoke("update", project, "--json")

    assert (refused.code, refused.envelope["error"]["code"]) == (1, "foreign-release")
    assert "v1.1.0.1" in refused.envelope["error"]["hint"]
    assert (project / "company.txt").exists()
    assert _result(invoke("update", project, "--to", "v1.1.0", "--dry-run", "--json"))["to"] == "1.1.0"


def test_what_the_upstream_says_is_to_be_done_reaches_projects_of_the_fork(
    project: Path, templates: Templates, invoke: Invoke
) -> None:
    templates.write("company.txt", "ours\n")
    templates.release("1.0.0.1")
    assert invoke("update", project).code == 0
    _upstream_releases(templates, "1.1.0")
    templates.git("switch", "--quiet", "main")
    templates.git("merge", "--quiet", "--no-edit", "v1.1.0")
    templates.release("1.1.0.1")

    done = _result(invoke("update", project, "--json"))

    assert (done["from"], done["to"]) == ("1.0.0.1", "1.1.0.1")
    assert done["by_hand"] == ["Water the plants."]
    assert (project / "company.txt").exists()


def test_a_folder_named_as_a_url_is_recorded_as_a_folder(templates: Templates, work: Path, invoke: Invoke) -> None:
    templates.release("1.0.0")

    assert invoke("new", "pot", "-s", "one", "--template", templates.origin.as_uri()).code == 0

    assert "_src_path: local:" in (work / "pot/.copier-answers.yml").read_text()
