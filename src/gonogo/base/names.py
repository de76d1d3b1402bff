"""Names of things: systems, semantic versions, references such as `credit-risk@1.2.0` and `credit-risk@production`; and of people."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from gonogo.errors import UsageError

SYSTEM = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
POINTERS = ("staging", "production")
#: Cyrillic and Greek letters that look like a Latin one, small or capital, and that one.
LOOKALIKES = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u04cf\u051b\u051d"
    "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "abekmhopctyxijsdhlqwabezhikmnoptyx",
)
Level = Literal["major", "minor", "patch"]


@dataclass(frozen=True, order=True)
class Version:
    """Semantic version of three numbers."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        match = re.fullmatch(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})", text)
        if not match:
            raise UsageError(f"{text!r} is not a version.", hint="Write three numbers, such as 1.2.0.")
        return cls(*(int(part) for part in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def bump(self, level: Level) -> Version:
        if level == "major":
            return Version(self.major + 1, 0, 0)
        if level == "minor":
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)


@dataclass(frozen=True)
class Ref:
    """What a person calls a release: a system, and a version or a pointer."""

    system: str
    target: str

    @classmethod
    def parse(cls, text: str) -> Ref:
        system, at, target = text.partition("@")
        if not at or not SYSTEM.fullmatch(system) or not target:
            raise UsageError(f"{text!r} is not a reference.", hint="Write system@version or system@production.")
        if target not in POINTERS:
            try:
                Version.parse(target)
            except UsageError as error:
                hint = f"Write three numbers, such as 1.2.0, or one of the pointers: {' and '.join(POINTERS)}."
                raise UsageError(f"{target!r} is neither a version nor a pointer.", hint=hint) from error
        return cls(system, target)

    def __str__(self) -> str:
        return f"{self.system}@{self.target}"

    @property
    def is_pointer(self) -> bool:
        return self.target in POINTERS


def check_system_name(name: str) -> str:
    if not SYSTEM.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a system.", hint="Use lower-case letters, digits and hyphens, 63 at most.")
    return name


def plain_person(name: str) -> str:
    """A person's name without what makes one name look like another: case, blanks, width, characters that are not seen, and letters of
    another script. Two people whose names are told apart by nothing else are taken for one."""
    told_apart = unicodedata.normalize("NFKC", name)
    seen = "".join(one for one in told_apart if one.isspace() or unicodedata.category(one)[0] != "C")
    return unicodedata.normalize("NFKC", " ".join(seen.split()).casefold().translate(LOOKALIKES))
