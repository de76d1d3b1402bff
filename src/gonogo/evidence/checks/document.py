"""Is a document there, whole and written for real?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.markdown import MarkdownDocument, declared_document, read_markdown
from gonogo.evidence.record import Fact, Measurement


class Document(Check):
    """Is the document there, with the sections it needs, and without places that are still to be filled in?

    Read as Markdown. `sections` are looked for in the headings, each as a regular expression, in any case; `mentions` anywhere but in
    comments. `numbers`, `tables` and `code` name sections that must hold so many of these, as "performance: 3"; without a number, one.
    A picture that is there counts as a table. A section is empty when nothing stands in it but headings, comments and places still to
    be filled in.
    """

    name = "document"
    facts: ClassVar = {
        "exists": "whether the document is declared and there",
        "sections_missing": "demanded sections without a heading",
        "sections_empty": "sections, demanded or not, in which nothing is said",
        "words_per_section_min": "words of the shortest demanded section, or of all when none is demanded",
        "mentions_missing": "demanded words that do not occur",
        "keys_missing": "demanded keys of the front matter (YAML before the text) without a value",
        "age_days": "days since the date in the front matter (`updated` or `date`); only when there is one",
        "numbers_missing": "sections without as many numbers as demanded",
        "tables_missing": "sections without as many tables or pictures as demanded",
        "code_missing": "sections without as many code blocks as demanded",
        "code_blocks": "code blocks in it",
        "broken_links": "links and pictures that lead to a file that is not there",
        "words": "words in it, code not counted",
        "placeholders": "places that are still to be filled in, such as TODO",
    }
    options: ClassVar = {"document": "", "sections": [], "mentions": [], "keys": [], "numbers": [], "tables": [], "code": []}

    def measure(self, documents: Mapping[str, Path]) -> Measurement:
        place = declared_document(documents, self.chosen["document"])
        if isinstance(place, str):
            return Measurement(self._nothing(), (place,))
        document = read_markdown(place)
        everything = document.everything
        findings: list[str] = []
        demanded = [section for pattern in self.chosen["sections"] for section in document.find(pattern)]
        lacking = [pattern for pattern in self.chosen["sections"] if not document.find(pattern)]
        empty = [section for section in document.sections if section.empty]
        unsaid = self._unsaid(document)
        valueless = [key for key in self.chosen["keys"] if document.front_matter.get(key) in (None, "", [], {})]
        broken = _broken(place, [*everything.links, *everything.images])
        findings += [f"no section: {pattern}" for pattern in lacking]
        findings += [f"nothing is said under: {section.heading[:100]}" for section in empty]
        findings += [f"not mentioned: {word}" for word in unsaid] + [f"the front matter has no {key}" for key in valueless]
        counts = {
            "numbers": lambda section: len(section.numbers()),
            "tables": lambda section: sum(len(table) > 1 for table in section.tables) + _pictures(place, section.images),
            "code": lambda section: len(section.code),
        }
        short: dict[str, list[str]] = {}
        for what, count in counts.items():
            wanted = [_amount(demand) for demand in self.chosen[what]]
            short[what] = [f"{n} {what} under {at}" for at, n in wanted if max(map(count, document.find(at)), default=0) < n]
            findings += [f"fewer than {said}" for said in short[what]]
        findings += [f"leads nowhere: {link[:100]}" for link in broken]
        findings += [f"still to be filled in: {words[:60]}" for words in everything.placeholders]
        of = demanded or document.sections
        return Measurement(
            {
                "exists": Fact(True),
                "sections_missing": Fact(len(lacking)),
                "sections_empty": Fact(len(empty)),
                "words_per_section_min": Fact(min((section.words for section in of), default=0) if not lacking else 0),
                "mentions_missing": Fact(len(unsaid)),
                "keys_missing": Fact(len(valueless)),
                **_age(document),
                **{f"{what}_missing": Fact(len(said)) for what, said in short.items()},
                "code_blocks": Fact(len(everything.code)),
                "broken_links": Fact(len(broken)),
                "words": Fact(everything.words + sum(len(section.heading.split()) for section in document.own)),
                "placeholders": Fact(len(everything.placeholders)),
            },
            tuple(findings),
        )

    def _nothing(self) -> dict[str, Fact]:
        """The facts of a document that is not there: it lacks everything that is demanded."""
        lacks = {f"{what}_missing": Fact(len(self.chosen[what])) for what in ("sections", "mentions", "keys", "numbers", "tables", "code")}
        rest = ("sections_empty", "words_per_section_min", "code_blocks", "broken_links", "words", "placeholders")
        return {"exists": Fact(False), **lacks, **{name: Fact(0) for name in rest}}

    def _unsaid(self, document: MarkdownDocument) -> list[str]:
        everything = document.everything
        code = [block.text for block in everything.code]
        headings = [section.heading for section in document.own]
        matter = [f"{key}: {value}" for key, value in document.front_matter.items()]
        said = "\n".join([*matter, *headings, everything.visible, *code, *everything.links]).lower()
        return [word for word in self.chosen["mentions"] if word.lower() not in said]


def _age(document: MarkdownDocument) -> dict[str, Fact]:
    """Days since the document was updated, by its own words. Raises DataError for a date that is none, or is to come."""
    written = document.front_matter.get("updated", document.front_matter.get("date"))
    if written is None:
        return {}
    try:
        days = (datetime.now(UTC).date() - date.fromisoformat(str(written)[:10])).days
    except ValueError as error:
        raise DataError(f"{document.path.name} has the date {written!r}, which is none.", hint="Write it as 2026-01-31.") from error
    if days < -1:  # it may be tomorrow already where it was written
        raise DataError(f"{document.path.name} has the date {written}, which is to come.")
    return {"age_days": Fact(max(days, 0))}


def _amount(demand: str) -> tuple[str, int]:
    """ "performance: 3" as ("performance", 3). Raises DataError when no section is named."""
    section, colon, amount = demand.rpartition(":")
    if not colon or not amount.strip().isdigit():
        section, amount = demand, "1"
    if not section.strip():
        raise DataError(f"{demand!r} names no section.", hint='Write it as "performance: 3".')
    return section.strip(), int(amount)


def _pictures(document: Path, images: Sequence[str]) -> int:
    return len(images) - len(_broken(document, images))


def _broken(document: Path, links: Sequence[str]) -> list[str]:
    """The links that lead to a file that is not there, seen from the document. Other hosts are not asked, nor paths of a host."""
    lost = []
    for link in links:
        parts = urlsplit(link)
        of_a_host = parts.scheme or parts.netloc or parts.path.startswith("/")
        if parts.path and not of_a_host and not (document.parent / unquote(parts.path)).exists():
            lost.append(link)
    return lost
