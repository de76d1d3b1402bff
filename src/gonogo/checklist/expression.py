"""Requirements as words: `roc_auc > 0.95`, `abs(validation_roc_auc - test_roc_auc) < 5 pp`, `format in (onnx, skops)`.

    requirement = sum comparison sum  |  sum ("==" | "!=") text  |  sum "in" "(" text or number, … ")"
    comparison  = ">" | ">=" | "<" | "<=" | "==" | "!="
    sum         = term { ("+" | "-") term }          term   = factor { ("*" | "/") factor }
    factor      = "-" factor | number [unit] | fact | ("abs" | "min" | "max") "(" sum, … ")" | "(" sum ")"
    text        = a bare word (true and false are the truth values) | "anything quoted"

A bare word to the right of `==` and `!=` is text; to compare two facts, put the second in parentheses: `rows_in == (rows_out)`.

Rules: writing a parsed requirement and parsing it again gives the same requirement; a requirement names at least one fact, so that it
can fail.

    >>> str(parse("p95<=1s"))
    'p95 <= 1 s'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gonogo.checklist.units import WRITTEN

Operator = Literal[">", ">=", "<", "<=", "==", "!=", "in"]
FUNCTIONS: dict[str, tuple[int, int]] = {"abs": (1, 1), "min": (2, 16), "max": (2, 16)}
RESERVED = frozenset({*FUNCTIONS, "in", "true", "false"})
LONGEST = 500
DEEPEST = 40
NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_TOKEN = re.compile(
    rf'\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<word>{NAME})|(?P<quoted>"[^"\\\n]*")|(?P<sign>>=|<=|==|!=|[-+*/()<>,%]))'
)


class ExpressionError(ValueError):
    """The words are no requirement. `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Number:
    """A number that is not negative, in its unit (see `units.py`)."""

    value: float
    unit: str = ""

    def __str__(self) -> str:
        digits = str(int(self.value)) if self.value == int(self.value) and self.value < 1e15 else repr(self.value)
        return digits + ("%" if self.unit == "%" else f" {self.unit}" if self.unit else "")


@dataclass(frozen=True)
class Name:
    """A fact's name."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Negated:
    operand: Operand

    def __str__(self) -> str:
        return f"-({self.operand})" if isinstance(self.operand, Combined) else f"-{self.operand}"


@dataclass(frozen=True)
class Combined:
    """left operator right, with the usual precedence and from left to right."""

    left: Operand
    operator: Literal["+", "-", "*", "/"]
    right: Operand

    def __str__(self) -> str:
        left = f"({self.left})" if _loose(self.left) and self.operator in "*/" else str(self.left)
        tight = isinstance(self.right, Combined) and (self.operator in "*/" or _loose(self.right))
        return f"{left} {self.operator} ({self.right})" if tight else f"{left} {self.operator} {self.right}"


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[Operand, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


Operand = Number | Name | Negated | Combined | Call


@dataclass(frozen=True)
class Text:
    value: str

    def __str__(self) -> str:
        bare = re.fullmatch(NAME, self.value) and self.value not in RESERVED
        return self.value if bare else f'"{self.value}"'


@dataclass(frozen=True)
class Truth:
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True)
class Choices:
    """What may stand to the right of `in`."""

    values: tuple[Text | Truth | Number, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.values))})"


@dataclass(frozen=True)
class Requirement:
    """left operator right. Prints as it would be written."""

    left: Operand
    operator: Operator
    right: Operand | Text | Truth | Choices

    def __str__(self) -> str:
        guarded = self.operator in ("==", "!=") and isinstance(self.right, Name)  # unguarded it would be text
        return f"{self.left} {self.operator} {f'({self.right})' if guarded else self.right}"

    @property
    def names(self) -> tuple[str, ...]:
        """The facts it speaks of, each once, in order."""
        return tuple(dict.fromkeys([*_names(self.left), *_names(self.right)]))


def parse(text: str) -> Requirement:
    """Parse one requirement. Raises ExpressionError with what was expected, and where."""
    if len(text) > LONGEST:
        raise ExpressionError(f"a requirement has {LONGEST} characters at most", LONGEST)
    requirement = _Parser(text).requirement()
    if not requirement.names:
        raise ExpressionError("it names no fact, so it could never fail", 0)
    return requirement


def _loose(operand: Operand) -> bool:
    return isinstance(operand, Combined) and operand.operator in "+-"


def _names(operand: Operand | Text | Truth | Choices) -> Iterator[str]:
    if isinstance(operand, Name):
        yield operand.name
    elif isinstance(operand, Negated):
        yield from _names(operand.operand)
    elif isinstance(operand, Combined):
        yield from _names(operand.left)
        yield from _names(operand.right)
    elif isinstance(operand, Call):
        for argument in operand.arguments:
            yield from _names(argument)


class _Parser:
    """Recursive descent over the tokens; `at` is the next one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    def requirement(self) -> Requirement:
        left = self.sum()
        operator = self.comparison()
        right = self.choices() if operator == "in" else self.right(operator)
        kind, word, position = self.tokens[self.at]
        if kind != "end":
            raise ExpressionError(f"nothing more is expected, but there is {word!r}", position)
        return Requirement(left, operator, right)

    def comparison(self) -> Operator:
        kind, word, position = self.next()
        for operator in (">", ">=", "<", "<=", "==", "!=", "in"):
            if word == operator and kind in ("sign", "word"):
                return operator
        found = repr(word) if word else "the end"
        raise ExpressionError(f"a comparison (> >= < <= == != in) is expected, not {found}", position)

    def right(self, operator: Operator) -> Operand | Text | Truth:
        kind, word, position = self.tokens[self.at]
        alone = self.tokens[min(self.at + 1, len(self.tokens) - 1)][0] == "end"
        if kind == "quoted" or (kind == "word" and word in ("true", "false")) or (kind == "word" and alone and operator in ("==", "!=")):
            if operator not in ("==", "!="):
                raise ExpressionError(f"{operator} compares numbers, and {word} is none", position)
            return self.word()
        return self.sum()

    def word(self) -> Text | Truth:
        kind, word, position = self.next()
        if kind == "quoted":
            return Text(word[1:-1])
        if word in ("true", "false"):
            return Truth(word == "true")
        if word in RESERVED:
            raise ExpressionError(f"{word!r} is no text; quote it if you mean the word", position)
        return Text(word)

    def choices(self) -> Choices:
        self.expect("(")
        values: list[Text | Truth | Number] = []
        while True:
            values.append(self.number() if self.tokens[self.at][0] == "number" else self.choice_word())
            if not self.take(","):
                break
        self.expect(")")
        return Choices(tuple(values))

    def choice_word(self) -> Text | Truth:
        kind, word, position = self.tokens[self.at]
        if kind not in ("word", "quoted"):
            raise ExpressionError(f"a word or a number is expected, not {word or 'the end'!r}", position)
        return self.word()

    def sum(self) -> Operand:
        left = self.term()
        while sign := self.take("+", "-"):
            left = Combined(left, "+" if sign == "+" else "-", self.term())
        return left

    def term(self) -> Operand:
        left = self.factor()
        while sign := self.take("*", "/"):
            left = Combined(left, "*" if sign == "*" else "/", self.factor())
        return left

    def factor(self) -> Operand:
        kind, word, position = self.tokens[self.at]
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError("it is nested too deeply", position)
        try:
            if self.take("-"):
                return Negated(self.factor())
            if self.take("("):
                inner = self.sum()
                self.expect(")")
                return inner
            if kind == "number":
                return self.number()
            if kind == "word" and word in FUNCTIONS:
                return self.call()
            if kind == "word" and word not in RESERVED:
                self.at += 1
                return Name(word)
        finally:
            self.depth -= 1
        raise ExpressionError(f"a fact or a number is expected, not {repr(word) if word else 'the end'}", position)

    def call(self) -> Call:
        _, function, position = self.next()
        self.expect("(")
        arguments = [self.sum()]
        while self.take(","):
            arguments.append(self.sum())
        self.expect(")")
        fewest, most = FUNCTIONS[function]
        if not fewest <= len(arguments) <= most:
            raise ExpressionError(f"{function} takes {fewest if fewest == most else f'{fewest} to {most}'} values", position)
        return Call(function, tuple(arguments))

    def number(self) -> Number:
        _, digits, position = self.next()
        value = float(digits)
        if value == float("inf"):
            raise ExpressionError(f"{digits} is too large", position)
        kind, word, position = self.tokens[self.at]
        if kind == "sign" and word == "%":
            self.at += 1
            return Number(value, "%")
        if kind == "word" and word != "in":
            if word not in WRITTEN:
                raise ExpressionError(f"{word!r} is no unit; units are {', '.join(WRITTEN)}", position)
            self.at += 1
            return Number(value, word)
        return Number(value)

    def next(self) -> tuple[str, str, int]:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def take(self, *signs: str) -> str:
        kind, word, _ = self.tokens[self.at]
        if kind == "sign" and word in signs:
            self.at += 1
            return word
        return ""

    def expect(self, sign: str) -> None:
        _, word, position = self.tokens[self.at]
        if not self.take(sign):
            raise ExpressionError(f"{sign!r} is expected, not {repr(word) if word else 'the end'}", position)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """(kind, characters, position), closed by an "end"."""
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise ExpressionError(f"{text[start]!r} has no meaning here", start)
        kind = match.lastgroup or ""
        yield kind, match.group(kind), match.start(kind)
        position = match.end()
    yield "end", "", end
