"""The templates of this repository: the tool and plain Copier make the same of them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import copier
import pytest
import yaml
from tests.stack_files import STACKS

from scaffold import provenance
from scaffold.project import find_project
from scaffold.questions.catalog import load_catalog
from scaffold.questions.questionnaire import Questionnaire
from scaffold.source import PARTS, find_source

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke

ROOT = Path(__file__).parents[2]
ANSWERS: list[dict[str, Any]] = [
    {},
    {"database": "postgresql", "redis": True, "license": "MIT", "ci": "gitlab", "author": "Zoë & O'Neil"},
    {"database": "mysql", "sample": False, "license": "Apache-2.0", "ci": "none", "description": "It sells <things>."},
]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The templates as a plain folder, as somebody without the tool might have them."""
    folder = tmp_path / "plain"
    folder.mkdir()
    archive = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PARTS],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, archive.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
            (folder / name).chmod((ROOT / name).stat().st_mode)
    return folder


def _pairs(answers: dict[str, Any]) -> list[str]:
    return [word for key, value in answers.items() for word in ("-d", f"{key}={value}")]


def _tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != ".git"]
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode & 0o111) for path in found}


@pytest.mark.parametrize("answers", ANSWERS, ids=["default", "postgresql", "mysql"])
@pytest.mark.parametrize("stack", STACKS)
def test_plain_copier_makes_the_same_bytes(
    stack: str, answers: dict[str, Any], work: Path, plain: Path, invoke: Invoke
) -> None:
    assert invoke("new", "shop", "--stack", stack, *_pairs(answers)).code == 0
    copier.run_copy(
        str(plain), work / "copied", data={"stack": stack, "project_name": "shop", **answers}, defaults=True, quiet=True
    )

    ours, copied = _tree(work / "shop"), _tree(work / "copied")
    ours_answers = ours.pop(".copier-answers.yml")[0].decode().splitlines()
    copied_answers = copied.pop(".copier-answers.yml")[0].decode().splitlines()
    assert ours == copied
    origin = ("_src_path:", "_commit:")
    assert [line for line in ours_answers if not line.startswith(origin)] == [
        line for line in copied_answers if not line.startswith(origin)
    ]
    recorded = yaml.safe_load("\n".join(ours_answers))
    assert recorded["_src_path"] == "scaffold"
    assert recorded["_commit"] == f"v{find_source().version}"
    assert {key: recorded[key] for key in answers} == answers


@pytest.mark.parametrize("stack", STACKS)
def test_every_file_is_explained(stack: str, work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "--stack", stack, "-d", "ci=gitlab", "-d", "redis=true", "--no-git").code == 0
    explainer = provenance.Explainer(find_source(), find_project(work / "shop"))

    for name in _tree(work / "shop"):
        explained = explainer.explain(work / "shop" / name)
        assert (ROOT / explained.template).is_file()
        for part in (*explained.parts, *explained.contract):
            assert (ROOT / part).is_file()


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("project_name", "", "it is empty"),
        ("project_name", "1shop", "it must start with a lower-case letter"),
        ("project_name", "Shop", "it must start with a lower-case letter"),
        ("project_name", "my_shop", "only lower-case letters, digits and hyphens are allowed"),
        ("project_name", "shop-", "a hyphen must stand between two letters or digits"),
        ("project_name", "my--shop", "a hyphen must stand between two letters or digits"),
        ("project_name", "s" * 41, "it is longer than 40 characters"),
        ("project_name", "django", "it is the name of a package that the service depends on"),
        ("project_name", "shop\n", "only lower-case letters, digits and hyphens are allowed"),
        ("package_name", "Shop", "it must start with a lower-case letter"),
        ("package_name", "my-shop", "only lower-case letters, digits and underscores are allowed"),
        ("package_name", "class", "it is a keyword of Python"),
        ("package_name", "email", "it is a module of Python's standard library"),
        ("package_name", "rest_framework", "it is a package of the service itself or one that it depends on"),
        ("package_name", "tests", "it is a package of the service itself or one that it depends on"),
        ("description", 'a "b"', "quotes, backslashes and control characters are not allowed"),
        ("description", " ", "it is empty"),
        ("author", "a\x07b", "quotes, backslashes and control characters are not allowed"),
        ("author", "x" * 101, "it is longer than 100 characters"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Copier leaves a listing open
def test_both_ways_in_enforce_one_rule_in_the_same_words(
    key: str, value: str, rule: str, work: Path, plain: Path, invoke: Invoke
) -> None:
    answers = {"stack": "django", "project_name": "shop", key: value}
    with pytest.raises(ValueError, match="Validation error") as caught:
        copier.run_copy(str(plain), work / "copied", data=answers, defaults=True, quiet=True)
    assert str(caught.value) == f"Validation error for question '{key}': {rule}"

    outcome = invoke("new", answers["project_name"], *_pairs({key: answers[key] for key in ("stack", key)}), "--json")
    assert outcome.code == 2
    assert outcome.envelope["error"]["message"] == f'{key} "{value}": {rule}'


def test_every_default_keeps_the_rules() -> None:
    questionnaire = Questionnaire(load_catalog(find_source().root))
    for stack in STACKS:
        answers = questionnaire.complete({"stack": stack, "project_name": "my-shop"})
        assert answers["author"] == "The my-shop authors"
