"""What a check is: a question, its options, the facts it measures, and one method.

A check measures and never judges: the threshold stands in the checklist's item. Its docstring is the question it answers. `measure`
asks for what it needs by parameter name; the names are those of `inputs.INPUTS`. A parameter with a default is optional: when the
project does not declare that input, the default is used, and evidence records the input as "absent".

    class Rows(Check):
        \"\"\"Are there enough rows to measure anything?\"\"\"

        name = "rows"
        facts = {"rows": "rows of the test table"}

        def measure(self, test: Table) -> Measurement:
            return Measurement({"rows": Fact(test.rows)})

A check that cannot measure raises; `collect` turns whatever leaves `measure` into evidence of status "error", which satisfies nothing.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gonogo.base.canonical import digest
from gonogo.errors import UsageError
from gonogo.evidence.inputs import INPUTS
from gonogo.evidence.record import Measurement


class Check:
    """Base of every check. Raises UsageError when an option is unknown or of another type than its default."""

    name: ClassVar[str]
    facts: ClassVar[Mapping[str, str]]  #: every fact that `measure` may give, with what it says
    options: ClassVar[Mapping[str, Any]] = {}  #: every option with its default, whose type the given value must have
    measure: Callable[..., Measurement]

    def __init__(self, options: Mapping[str, Any]) -> None:
        for key, value in options.items():
            if key not in self.options:
                near = difflib.get_close_matches(str(key), list(self.options), n=1)
                known = ", ".join(sorted(self.options)) or "none"
                hint = f"Did you mean {near[0]!r}?" if near else f"Known options: {known}."
                raise UsageError(f"the check {self.name!r} has no option {key!r}.", hint=hint)
            if not _same_type(value, self.options[key]):
                wanted = type(self.options[key]).__name__
                raise UsageError(f"the option {key!r} of the check {self.name!r} is {value!r}, not a {wanted}.")
        self.chosen: Mapping[str, Any] = {**self.options, **options}


def _same_type(value: Any, default: Any) -> bool:
    """Whether a value fits where `default` stands: a whole number is a float too, a truth value is no number, lists hold text."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float) and abs(value) < float("inf")
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)
    return isinstance(value, type(default))


def options_digest(options: Mapping[str, Any]) -> str:
    """The digest of an item's options as evidence records it. Raises ValueError when they are no JSON."""
    return digest({str(key): list(value) if isinstance(value, tuple) else value for key, value in options.items()})


@dataclass(frozen=True)
class Asked:
    """One input that a check asks for by parameter name."""

    name: str
    optional: bool


def asked_inputs(check: type[Check]) -> tuple[Asked, ...]:
    """What `measure` asks for, in its order. Raises UsageError for a name that is no input."""
    asked = []
    for parameter in list(inspect.signature(check.measure).parameters.values())[1:]:
        if parameter.name not in INPUTS:
            near = difflib.get_close_matches(parameter.name, list(INPUTS), n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known inputs: {', '.join(INPUTS)}."
            raise UsageError(f"the check {check.name!r} asks for {parameter.name!r}, which is no input.", hint=hint)
        asked.append(Asked(parameter.name, parameter.default is not inspect.Parameter.empty))
    return tuple(asked)
