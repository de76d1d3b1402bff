"""A real git repository in a folder of its own, for tests."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

WHO = {"ana": "Ana <ana@example.org>", "ben": "Ben <ben@example.org>"}


@dataclass(frozen=True)
class GitFolder:
    """`GitFolder.make(path).commit({"a.py": "x = 1\\n"})`. Nothing of the user's configuration is read."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> GitFolder:
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        folder("init", "-q", "-b", "main")
        return folder

    def __call__(self, *words: str, who: str = "ana") -> str:
        name, _, address = WHO[who].rstrip(">").partition(" <")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        person = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", name), ("EMAIL", address))}
        done = subprocess.run(
            ["git", *words],
            cwd=self.path,
            env={**clean, **person, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            place = self.path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, str | bytes], message: str = "work", who: str = "ana") -> str:
        """Write files, commit everything, and give the commit's id."""
        self.write(files)
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message, who=who)
        return self("rev-parse", "HEAD")
