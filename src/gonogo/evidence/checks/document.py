"""Is a document there, whole and written for real?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement

HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$|^(?P<under>[^\n]+)\n(?:=+|-{3,})\s*$", re.MULTILINE)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(
    r"\bTODO\b|\bTBD\b|\bFIXME\b|\bXXX\b|lorem ipsum|\bcoming soon\b"
    r"|<(?:insert|your|fill)[^>\n]{0,60}>|\[(?:insert|your|fill)[^\]\n]{0,60}\]",
    re.IGNORECASE,
)


class Document(Check):
    """Is the document there, with the sections it needs, and without places that are still to be filled in?

    `sections` are looked for in the headings of the Markdown, each as a regular expression, in any case; `mentions` anywhere.
    """

    name = "document"
    facts: ClassVar = {
        "exists": "whether the document is declared and there",
        "sections_missing": "demanded sections without a heading",
        "mentions_missing": "demanded words that do not occur",
        "words": "words in it",
        "placeholders": "places that are still to be filled in, such as TODO",
    }
    options: ClassVar = {"name": "", "sections": [], "mentions": []}

    def measure(self, documents: Mapping[str, Path]) -> Measurement:
        name, sections, mentions = self.chosen["name"], self.chosen["sections"], self.chosen["mentions"]
        if not name:
            raise DataError("the item does not say which document.", hint="Add `options: {name: readme}`.")
        path = documents.get(name)
        if path is None or not path.is_file():
            why = f"documents.{name} is not declared in gonogo.yaml" if path is None else f"{path.name} is not there"
            return _facts(False, len(sections), len(mentions), 0, 0, (why,))
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path.name} cannot be read: {error}.") from error
        prose = FENCE.sub("", text)
        headings = [match.group(1) or match.group("under") for match in HEADING.finditer(prose)]
        lacking = [section for section in sections if not any(_found(section, heading) for heading in headings)]
        unsaid = [word for word in mentions if word.lower() not in text.lower()]
        open_places = [match.group() for match in PLACEHOLDER.finditer(prose)]
        findings = [f"no section: {section}" for section in lacking] + [f"not mentioned: {word}" for word in unsaid]
        findings += [f"still to be filled in: {place[:60]}" for place in open_places]
        return _facts(True, len(lacking), len(unsaid), len(re.findall(r"\w+", prose)), len(open_places), tuple(findings))


def _found(section: str, heading: str) -> bool:
    try:
        return re.search(section, heading, re.IGNORECASE) is not None
    except re.error as error:
        raise DataError(f"the section {section!r} is no regular expression: {error}.") from error


def _facts(exists: bool, sections: int, mentions: int, words: int, placeholders: int, findings: tuple[str, ...]) -> Measurement:
    return Measurement(
        {
            "exists": Fact(exists),
            "sections_missing": Fact(sections),
            "mentions_missing": Fact(mentions),
            "words": Fact(words),
            "placeholders": Fact(placeholders),
        },
        findings,
    )
