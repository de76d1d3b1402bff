"""`code` of gonogo.yaml: the sources, and the commands that judge them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gonogo.checklist.declarations.file import Command, ProjectFile
from gonogo.checklist.schema_words import place, section, text


@dataclass(frozen=True)
class CodeDeclaration:
    """Sources to digest and scan; commands as argument lists, never given to a shell."""

    paths: tuple[Path, ...]
    tests: Command | None = None
    lint: Command | None = None
    format: Command | None = None
    hooks: Command | None = None
    train: Command | None = None
    security: Command | None = None


_COMMANDS = {
    "tests": text("runs the tests; no shell", examples=["python -m pytest tests"]),
    "lint": text("prints one finding a line and exits 0 without findings; no shell", examples=["ruff check src"]),
    "format": text("exits 0 when the sources are formatted; no shell", examples=["ruff format --check src"]),
    "hooks": text("runs every hook on every file; no shell", examples=["pre-commit run --all-files"]),
    "train": text("trains again and writes `model.path`; no shell", examples=["python train.py"]),
    "security": text("prints one finding a line and exits 0 without findings; no shell", examples=["bandit -q -r src"]),
}

CODE = section(
    "the sources, and the commands that judge them",
    {
        "paths": {
            "type": "array",
            "items": place("a file or folder", "src"),
            "minItems": 1,
            "uniqueItems": True,
            "description": "sources to digest and to scan for secrets; tests and their settings are always among them; default: all",
        },
        **_COMMANDS,
    },
)


def read_code(file: ProjectFile) -> CodeDeclaration:
    said = file.section("code")
    paths = tuple(file.root / value for value in said.get("paths", ["."]))
    return CodeDeclaration(paths, **{key: file.command(("code", key), said[key]) for key in _COMMANDS if key in said})
