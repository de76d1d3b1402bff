"""What a Markdown document says, section by section: visible words, code blocks, tables, links, and places still to be filled in.

    document = read_markdown(path)
    document.find("roll ?back")                     # every section whose heading matches, with all that stands below it

The syntax is CommonMark with tables, as markdown-it-py reads it. Comments are not seen; a block of YAML before the text (front matter)
is data, not text. A section is everything from its heading to the next heading of the same or a higher level.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gonogo.errors import DataError

if TYPE_CHECKING:
    from markdown_it.token import Token

COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE)
PLACEHOLDER = re.compile(
    r"\bTODO\b|\bTBD\b|\bFIXME\b|\bXXX\b|lorem ipsum|\bcoming soon\b"
    r"|<(?:insert|your|fill)\b[^>\n]{0,60}>|\[(?:insert|your|fill)\b[^\]\n]{0,60}\](?!\()",
    re.IGNORECASE,
)
TAG = re.compile(r"<[^>]*>")
NUMBER = re.compile(r"(?<![\w.,])(?<!\d-)[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![.,-]?\d)")
LARGEST = 4 << 20  #: bytes; no document is that long


@dataclass(frozen=True)
class CodeBlock:
    """A fenced block: the first word after the fence, the other words there, the text, and the line (from 1) of its fence."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int


@dataclass
class Section:
    """What stands below one heading, before the next; `level` 0 and no heading is what comes before the first.

    `texts` are the visible texts of paragraphs and list items, `tables` rows of cells, `links` where links and images lead.
    """

    heading: str = ""
    level: int = 0
    texts: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    code: list[CodeBlock] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    placeholders: list[str] = field(default_factory=list)

    @property
    def visible(self) -> str:
        """All words of the section that are no code and no heading."""
        cells = [cell for table in self.tables for row in table for cell in row]
        return "\n".join([*self.texts, *cells])

    @property
    def words(self) -> int:
        return len(re.findall(r"\w+", self.visible))

    @property
    def empty(self) -> bool:
        """Whether nothing is there once the places still to be filled in are left out."""
        said = PLACEHOLDER.sub("", "\n".join([self.visible, *(block.text for block in self.code)]))
        return not self.images and re.search(r"\w", said) is None

    def numbers(self) -> list[str]:
        """The numbers in it, as printed."""
        return NUMBER.findall(self.visible)


@dataclass(frozen=True)
class MarkdownDocument:
    """`own` are the sections in their order, each without those below it."""

    path: Path
    front_matter: Mapping[str, Any]
    own: tuple[Section, ...]

    @property
    def everything(self) -> Section:
        return _merged("", 0, self.own)

    @property
    def sections(self) -> tuple[Section, ...]:
        """Every section that has a heading, with all that stands below it."""
        return tuple(self._whole(number) for number, section in enumerate(self.own) if section.level)

    def find(self, pattern: str) -> tuple[Section, ...]:
        """The sections whose heading matches a regular expression, in any case. Raises DataError when it is none."""
        try:
            wanted = re.compile(pattern, re.IGNORECASE)
        except re.error as error:
            raise DataError(f"the section {pattern!r} is no regular expression: {error}.") from error
        return tuple(section for section in self.sections if wanted.search(section.heading))

    def _whole(self, number: int) -> Section:
        first = self.own[number]
        end = number + 1
        while end < len(self.own) and self.own[end].level > first.level:
            end += 1
        return _merged(first.heading, first.level, self.own[number:end])


def declared_document(documents: Mapping[str, Path], name: str) -> Path | str:
    """Where a declared document is, or, in words, why it is not there. Raises DataError when the item names none."""
    if not name:
        raise DataError("the item does not say which document.", hint="Add `options: {name: readme}`.")
    path = documents.get(name)
    if path is None:
        return f"documents.{name} is not declared in gonogo.yaml"
    return path if path.is_file() else f"{path.name} is not there"


def read_markdown(path: Path) -> MarkdownDocument:
    """Read a document. Raises DataError when it cannot be read as text."""
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path.name} is too large to be a document.")
        text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read: {error}.") from error
    return parse_markdown(text, path)


def parse_markdown(text: str, path: Path = Path("text")) -> MarkdownDocument:
    """The outline of a Markdown text."""
    from markdown_it import MarkdownIt

    matter, text = _front_matter(text)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    reader = _Reader()
    reader.current.placeholders += [match.group() for match in PLACEHOLDER.finditer(str(dict(matter)) if matter else "")]
    for position, token in enumerate(tokens):
        reader.take(token, tokens[position - 1] if position else None)
    return MarkdownDocument(path, matter, tuple(reader.sections))


def _front_matter(text: str) -> tuple[Mapping[str, Any], str]:
    """The data before the text, and the text with as many empty lines in their place, so that line numbers stay true."""
    match = FRONT_MATTER.match(text)
    if match is None:
        return {}, text
    try:
        data = yaml.safe_load(match.group(1))
    except yaml.YAMLError:
        return {}, text
    if not isinstance(data, dict):
        return {}, text
    return {str(key): value for key, value in data.items()}, "\n" * match.group().count("\n") + text[match.end() :]


class _Reader:
    """Puts the tokens of the parser into sections."""

    def __init__(self) -> None:
        self.sections = [Section()]

    @property
    def current(self) -> Section:
        return self.sections[-1]

    def take(self, token: Token, before: Token | None) -> None:
        opened = before.type if before is not None else ""
        if token.type == "inline" and opened == "heading_open":
            assert before is not None
            self.sections.append(Section(_visible(token), int(before.tag[1])))
            self.current.placeholders += _placeholders(token.content)
        elif token.type == "inline":
            self._text(token, cell=opened in ("td_open", "th_open"))
        elif token.type == "table_open":
            self.current.tables.append([])
        elif token.type == "tr_open":
            self.current.tables[-1].append([])
        elif token.type == "fence":
            words = token.info.split() or [""]
            line = token.map[0] + 1 if token.map else 0
            self.current.code.append(CodeBlock(words[0].lower(), tuple(words[1:]), token.content, line))
        elif token.type == "code_block":
            self.current.code.append(CodeBlock("", (), token.content, token.map[0] + 1 if token.map else 0))
        elif token.type == "html_block":
            shown = COMMENT.sub("", token.content)
            self.current.placeholders += _placeholders(shown)
            self.current.texts.append(TAG.sub(" ", shown).strip())

    def _text(self, token: Token, *, cell: bool) -> None:
        said = _visible(token)
        self.current.placeholders += _placeholders(token.content)
        if cell:
            self.current.tables[-1][-1].append(said)
        else:
            self.current.texts.append(said)
        for child in token.children or ():
            if child.type == "link_open":
                self.current.links.append(str(child.attrGet("href") or ""))
            elif child.type == "image":
                self.current.images.append(str(child.attrGet("src") or ""))


def _visible(token: Token) -> str:
    """The words of an inline token as a reader sees them."""
    said = []
    for child in token.children or ():
        if child.type in ("text", "code_inline"):
            said.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            said.append("\n")
        elif child.type == "image":
            said.append(child.content)
    return "".join(said).strip()


def _placeholders(source: str) -> list[str]:
    return [match.group() for match in PLACEHOLDER.finditer(COMMENT.sub("", source))]


def _merged(heading: str, level: int, parts: Sequence[Section]) -> Section:
    whole = Section(heading, level)
    for part in parts:
        for name in ("texts", "tables", "code", "links", "images", "placeholders"):
            getattr(whole, name).extend(getattr(part, name))
    return whole
