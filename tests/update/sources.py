"""A source of templates that a test makes release by release."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scaffold.source import PARTS, find_source

LETTER = "".join(f"line {number}\n" for number in range(1, 41))
CODE = "".join(f"def function_{number}():\n    return {number * number}\n\n\n" for number in range(1, 16))
PICTURE = bytes(range(256)) * 8
#: Files of unusual kinds.
ODD: dict[str, str | bytes] = {
    "picture.bin": PICTURE,
    "dos.txt": LETTER.replace("\n", "\r\n"),
    "tool.sh": "#!/bin/sh\n" + LETTER,
}
QUESTIONS = """\
_subdirectory: "templates/{{ stack }}"
_envops:
  undefined: jinja2.StrictUndefined
  keep_trailing_newline: true
_preserve_symlinks: true
_exclude:
  - copier.yml
  - "{% if not extra %}extra{% endif %}"
stack:
  type: str
  choices: [one, two]
project_name:
  type: str
size:
  type: str
  default: small
  choices: [small, large]
extra:
  type: bool
  default: false
title:
  type: str
  default: "The {{ project_name }}"
"""
ANSWERS = "{{ dict(_copier_answers, **(_scaffold_origin | default({}))) | to_nice_yaml -}}\n"
TOGGLED = "".join(
    ["# {{ title }}\n", *(f"always {number}\n" for number in range(10)), "{% if extra %}spice\n{% endif %}", "end\n"]
)


@dataclass(frozen=True)
class Templates:
    """A source of templates, as its owner has it.

    Attributes:
        root: The work tree of its repository.
        origin: What projects are made from: the same without a work tree.
        stack: The stack that files are of.
    """

    root: Path
    origin: Path
    stack: str = "one"

    @classmethod
    def begin(cls, root: Path) -> Templates:
        """Make a source with what every project here has."""
        made = cls(root, root.with_suffix(".git"))
        root.mkdir()
        made.git("init", "--quiet", "--initial-branch=main")
        (root / "copier.yml").write_text(QUESTIONS)
        files: dict[str, str | bytes] = {
            "{{ _copier_conf.answers_file }}.jinja": ANSWERS,
            "letter.txt": LETTER,
            "code.py": CODE,
            **ODD,
            "toggled.md.jinja": TOGGLED,
            "folder/one.txt": LETTER.replace("line", "first"),
            "folder/two.txt": LETTER.replace("line", "second"),
            "folder/three.txt": LETTER.replace("line", "third"),
            "extra/spice.txt": LETTER.replace("line", "spice"),
        }
        for name, content in files.items():
            made.write(name, content)
        made.file("tool.sh").chmod(0o755)
        made.write("../two/{{ _copier_conf.answers_file }}.jinja", ANSWERS)
        return made

    @classmethod
    def fork(cls, root: Path, stack: str) -> Templates:
        """Make a fork of the real templates, in which a stack has the kinds of files that the real ones lack."""
        made = cls(root, root.with_suffix(".git"), stack)
        root.mkdir()
        made.git("init", "--quiet", "--initial-branch=main")
        real = find_source().root
        for part in PARTS:
            copy = shutil.copytree if (real / part).is_dir() else shutil.copy2
            copy(real / part, root / part)
        for name, content in ODD.items():
            made.write(name, content)
        made.file("tool.sh").chmod(0o755)
        return made

    def file(self, name: str) -> Path:
        """Return a file of the stack."""
        return self.root / "templates" / self.stack / name

    def files(self) -> list[Path]:
        """Return the files of the stack."""
        return [path for path in self.file("").rglob("*") if path.is_file()]

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file of the stack."""
        place = self.file(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    def release(self, version: str) -> None:
        """Release what there is now."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", f"Release {version}")
        self.git("tag", f"v{version}")
        if not self.origin.exists():
            self.git("clone", "--quiet", "--bare", str(self.root), str(self.origin))
        self.git("push", "--quiet", "--force", "--tags", str(self.origin), "main")

    def git(self, *arguments: str) -> None:
        """Run git in the work tree."""
        subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True)
