"""Is randomness held fast?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.markdown import declared_document, read_markdown
from gonogo.evidence.record import Fact, Measurement

#: The last parts of the names of functions that seed a generator for everybody.
SEEDING = ("random.seed", "manual_seed", "manual_seed_all", "set_seed", "set_random_seed", "seed_everything")
#: Functions that make a generator: seeded when they are given something.
GENERATORS = ("default_rng", "RandomState", "Random")
KEYWORDS = ("random_state", "seed", "random_seed")


class Seed(Check):
    """Does the run keep its seed, do the sources set one, and do configuration and report name the same?

    The sources, tests left out, are parsed and never run. A generator that is made without a seed, and `random_state=None`, count as
    unseeded. With `config`,
    the declared configuration must hold the seed (a key `seed` or `random_state`, at any depth); with `document`, that document must name
    the number.
    """

    name = "seed"
    facts: ClassVar = {
        "has_seed": "whether the run record keeps a seed",
        "seed": "the seed, when there is one",
        "seeds_set": "places of the sources that set a seed",
        "unseeded": "places of the sources that make a generator without one",
        "config_match": "whether the declared configuration has the same seed; only with the option `config`",
        "document_match": "whether the document names it; only with the option `document`",
    }
    options: ClassVar = {"config": "", "document": ""}

    def measure(
        self,
        run_record: Mapping[str, Any],
        source: SourceTree,
        files: Mapping[str, Path] | None = None,
        documents: Mapping[str, Path] | None = None,
    ) -> Measurement:
        if not isinstance(run_record, Mapping):
            raise DataError("the run record is malformed.", hint="Write it with gonogo.record_run.")
        seed = run_record.get("seed")
        has_seed = isinstance(seed, int) and not isinstance(seed, bool)
        places = [place for path in source.files if _trains(path, source.root) for place in _places(path, source.root)]
        loose = [place for place, seeded in places if not seeded]
        facts = {
            "has_seed": Fact(has_seed),
            "seeds_set": Fact(sum(seeded for _, seeded in places)),
            "unseeded": Fact(len(loose)),
        }
        findings = [] if has_seed else ["the run record keeps no seed"]
        findings += [f"no seed: {place}" for place in loose]
        if has_seed:
            facts["seed"] = Fact(int(str(seed)))
        if self.chosen["config"]:
            declared = list(_seeds(read_structured(declared_file(files or {}, self.chosen["config"]))))
            facts["config_match"] = Fact(has_seed and bool(declared) and all(value == seed for value in declared))
            findings += [f"the configuration has the seed {value!r}, the run {seed!r}" for value in declared if value != seed]
        if self.chosen["document"]:
            place = declared_document(documents or {}, self.chosen["document"])
            named = not isinstance(place, str) and str(seed) in read_markdown(place).everything.numbers()
            facts["document_match"] = Fact(has_seed and named)
            findings += [] if named else [f"the document {self.chosen['document']} does not name the seed"]
        return Measurement(facts, tuple(findings))


def _trains(path: Path, root: Path) -> bool:
    """Whether a file is Python and no test."""
    parts = path.relative_to(root).parts if path.is_relative_to(root) else (path.name,)
    return path.suffix == ".py" and not any(part == "tests" or part.startswith("test_") for part in parts) and path.name != "conftest.py"


def _places(path: Path, root: Path) -> Iterator[tuple[str, bool]]:
    """Where a file sets a seed (true) or makes a generator without one (false). Raises DataError when it is no Python."""
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise DataError(f"{shown} cannot be read as Python: {error}.") from error
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        given = bool(values) and not _is_none(values[0])
        keyword = next((word for word in node.keywords if word.arg in KEYWORDS), None)
        if _ends(called, SEEDING) or _ends(called, GENERATORS):
            yield f"{shown}, line {node.lineno}: {called}()", given
        elif keyword is not None and not _ends(called, ("record_run",)):
            yield f"{shown}, line {node.lineno}: {called}({keyword.arg}={ast.unparse(keyword.value)[:40]})", not _is_none(keyword.value)


def _ends(called: str, names: tuple[str, ...]) -> bool:
    return any(called == name or called.endswith("." + name) for name in names)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _seeds(data: Any) -> Iterator[Any]:
    """Every value of a key that names a seed, at any depth."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if str(key).lower() in KEYWORDS and not isinstance(value, Mapping | list):
                yield value
            else:
                yield from _seeds(value)
    elif isinstance(data, list):
        for value in data:
            yield from _seeds(value)
