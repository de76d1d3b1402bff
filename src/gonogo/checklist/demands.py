"""What an item demands, held against the check that measures it: when a pack is loaded, not when it is judged.

A requirement must parse and speak of facts that the check documents; options must be the check's own, of the right types. A mistake here
is an error with line and column. A third party's check that cannot even be imported is left to the measurement, which records the cause.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Protocol

from gonogo.base.catalogue import CATALOGUE, load, names
from gonogo.base.yaml_source import Path_, YamlSource
from gonogo.checklist.expression import ExpressionError, parse
from gonogo.errors import UsageError

AGE = "age_days"  #: the fact of every check that measures an age


class CheckClass(Protocol):
    """What is asked of a check's class: the facts it documents, and that it refuses options that are not its own with a UsageError."""

    @property
    def facts(self) -> Mapping[str, str]: ...
    def __call__(self, options: Mapping[str, Any]) -> Any: ...


def find_check(source: YamlSource, at: Path_, item: str, check: str) -> CheckClass | None:
    """The class behind a check's name, None when a third party's cannot be imported. Raises ProjectFileError for an unknown name."""
    if check not in CATALOGUE["checks"] and check not in names("checks"):
        raise source.error(at, f"{item}: no check is called {check!r}.", hint=did_you_mean(check, names("checks")))
    try:
        found: CheckClass = load("checks", check)
    except Exception:  # a third party's module may fail in any way; the measurement keeps the cause as this item's error
        if check in CATALOGUE["checks"]:
            raise
        return None
    return found


def check_options(source: YamlSource, at: Path_, item: str, options: Mapping[str, Any], kind: CheckClass | None) -> None:
    """Raises ProjectFileError unless the check takes these options."""
    for key, value in options.items():
        try:
            if kind is not None:
                kind({key: value})
        except UsageError as error:
            raise source.error((*at, key), f"{item}: {error.message}", hint=error.hint) from None


def check_requirements(
    source: YamlSource, at: Path_, item: str, require: tuple[str, ...], confidence: float | None, kind: CheckClass | None
) -> None:
    """Raises ProjectFileError unless there is a requirement and each can be judged on what the check measures."""
    if not require:
        raise source.error(at, f"{item} has no requirement, so its check could never fail.", hint="Add `require: FACT > NUMBER`.")
    for index, text in enumerate(require):
        where = (*at, index) if (*at, index) in source.positions else at
        try:
            requirement = parse(text)
        except ExpressionError as error:
            raise source.error(
                where, f"{item}: {text!r} is no requirement: {error} (character {error.position + 1}).", hint="For example: roc_auc > 0.95"
            ) from None
        if confidence is not None and requirement.operator in ("==", "!=", "in"):
            raise source.error(
                where, f"{item}: {requirement.operator} cannot be held with confidence.", hint="Put it into an item without `confidence`."
            )
        for name in requirement.names:
            if kind is not None and name not in kind.facts:
                raise source.error(where, f"{item}: the check measures no {name!r}.", hint=did_you_mean(name, list(kind.facts)))


def check_ages(source: YamlSource, at: Path_, item: str, require: tuple[str, ...], max_age: float | None) -> None:
    """Raises ProjectFileError when an age is required of evidence that may itself grow old: what was young then is not young for ever."""
    if max_age is None and any(AGE in parse(text).names for text in require):
        raise source.error(
            at, f"{item}: {AGE} is the age on the day of measuring, and nothing measures it again.", hint="Add `max_age: 1 d`."
        )


def did_you_mean(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known) or 'none'}."
