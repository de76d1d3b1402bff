"""Where a secret is kept, and never the secret itself: what declarations, records, digests and errors may hold."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.errors import FaultError

MOST_BYTES = 65_536
#: How it is written in a declaration.
SECRET: dict[str, Any] = {
    "type": "object",
    "description": "where the secret is: in an environment variable or in a file",
    "properties": {
        "env": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "description": "the environment variable it is in"},
        "file": {"type": "string", "minLength": 1, "description": "the file it is in"},
    },
    "additionalProperties": False,
    "examples": ["{env: SLACK_URL}"],
}


@dataclass(frozen=True)
class Secret:
    """In an environment variable or in a file, one of both. Read each time it is needed, so that a new one counts at once."""

    env: str | None = None
    file: Path | None = None

    def __str__(self) -> str:
        return f"${self.env}" if self.env else str(self.file)

    def read(self) -> str:
        """The secret, without white space around it. Raises FaultError when there is none."""
        if self.env is not None:
            found = os.environ.get(self.env, "").strip()
            if not found:
                raise FaultError(f"the environment variable {self.env} is not set.", hint="Set it where the service is started.")
            return found
        return self._from_file()

    def _from_file(self) -> str:
        assert self.file is not None
        try:
            handle = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe in its place holds nobody up
            with os.fdopen(handle, "rb") as file:
                plain = stat.S_ISREG(os.fstat(handle).st_mode)
                found = file.read(MOST_BYTES).decode().strip() if plain else ""
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is no text"
            raise FaultError(f"the secret in {self.file} cannot be read: {said}.", hint="Put it there, readable by the service.") from None
        if not found:
            raise FaultError(f"there is no secret in {self.file}.", hint="Put it there, as one line of text.")
        return found


def masked(text: str, *secrets: str) -> str:
    """A text in which none of the secrets stands."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
