"""Do the project's own lists of features say what the model takes?"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.inputs import BundleView
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.parts import nearest_list

NAMES = ("name", "feature", "column")  #: what the column or key with a feature's name is called
DROPPED = "drop"  #: the `action` of a column that is listed and not given to the model


class FeatureList(Check):
    """Does the file list the features of the model, all of them, no others, and in its order?

    `file` is its name under `files:` in gonogo.yaml. A CSV file has a column called name, feature or column (else the first one). A JSON or
    YAML file has the features under `key`: names, or objects with such a key, or an object whose keys they are. Where an entry has an
    `action`, what it says to drop is no feature. A tensor stands in the list by its name (`window`) or by its channels (`window.close`, or
    `close` alone), in the whole list alike.
    """

    name = "feature_list"
    options: ClassVar = {"file": "feature_list", "key": "features"}
    facts: ClassVar = {
        "features": "features that the file lists",
        "names_match": "whether they are the features of the model, each once",
        "order_match": "whether they also stand in the model's order",
        "version": "the `version` that a JSON or YAML file states; only when it does",
    }

    def measure(self, bundle: BundleView, files: Mapping[str, Path]) -> Measurement:
        listed, version = _listed(declared_file(files, self.chosen["file"]), self.chosen["key"])
        wanted = list(nearest_list(bundle.schema, listed))
        twice = sorted({feature for feature in listed if listed.count(feature) > 1})
        findings = [f"{feature!r} is a feature of the model and not listed" for feature in wanted if feature not in listed]
        findings += [f"{feature!r} is listed and no feature of the model" for feature in dict.fromkeys(listed) if feature not in wanted]
        findings += [f"{feature!r} is listed more than once" for feature in twice]
        same = not findings
        if same and listed != wanted:
            place = next(index for index, (a, b) in enumerate(zip(listed, wanted, strict=True)) if a != b)
            findings.append(f"place {place + 1} is {listed[place]!r} in the list and {wanted[place]!r} in the model")
        facts = {"features": Fact(len(listed)), "names_match": Fact(same), "order_match": Fact(listed == wanted)}
        return Measurement(facts | ({"version": Fact(version)} if version else {}), tuple(findings))


def _listed(path: Path, key: str) -> tuple[list[str], str]:
    """The names in the file's order, and the version it states or "". Raises DataError when it lists no features."""
    kind = path.suffix.lower()
    if kind not in (".csv", ".json", ".yaml", ".yml"):
        raise DataError(f"{path}: lists of features are .csv, .json, .yaml or .yml files.")
    if kind == ".csv":
        return _from_csv(path), ""
    document = read_structured(path)
    if not isinstance(document, Mapping) or key not in document:
        raise DataError(f"{path} has no key {key!r}.", hint="The option `key` says under which key the features stand.")
    entries = document[key]
    if not isinstance(entries, list | Mapping) or not entries:
        raise DataError(f"{path}: {key} lists no features.")
    if isinstance(entries, Mapping):
        entries = [{**(about if isinstance(about, Mapping) else {}), NAMES[0]: name} for name, about in entries.items()]
    version = document.get("version")
    return _kept(path, entries), "" if version is None else str(version)


def _kept(path: Path, entries: Sequence[Any]) -> list[str]:
    """The names of the entries that are not to be dropped."""
    kept = [entry for entry in entries if not (isinstance(entry, Mapping) and str(entry.get("action")).strip().lower() == DROPPED)]
    if not kept:
        raise DataError(f"{path} lists no features.")
    return [_name(path, entry) for entry in kept]


def _name(path: Path, entry: Any) -> str:
    found = next((entry[key] for key in NAMES if key in entry), None) if isinstance(entry, Mapping) else entry
    if not isinstance(found, str) or not found:
        raise DataError(f"{path}: an entry has no name of a feature: {str(entry)[:120]}.")
    return found


def _from_csv(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = csv.DictReader(stream, strict=True)
            header = list(lines.fieldnames or ())
            column = next((name for name in NAMES if name in header), header[0] if header else "")
            entries = [{"action": row.get("action"), NAMES[0]: row[column]} for row in lines]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    return _kept(path, entries)
