"""`gonogo init`: write a gonogo.yaml for a folder that holds a model and tables.

What can be read off the files is read; what cannot be known (which column is the target, say) is asked for by an error that names the
choices. Nothing is overwritten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gonogo.base.files import write_atomic
from gonogo.base.names import check_system_name
from gonogo.base.table import Column, Table, read_table
from gonogo.checklist.evaluate import evaluate
from gonogo.checklist.expression import parse
from gonogo.checklist.items import Checklist
from gonogo.checklist.load import load_pack
from gonogo.errors import ConflictError, DataError, GonogoError, ModelError, UsageError
from gonogo.evidence.record import Fact
from gonogo.model import rows_at_once
from gonogo.model.formats import SUFFIXES, check_options, model_kind, sniff
from gonogo.model.source import ModelSource
from gonogo.operations.workspace import Workspace

TARGETS = ("target", "label", "y", "class", "outcome")
TABLE_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "holdout", "eval", "evaluation"),
}
MOST_CLASSES_SAID = 12
GAPS = frozenset({"nan", "na", "n/a", "null", "none", "missing", "?", "-", ""})  #: how people and libraries write that there is no value
POSITIVE = ("1", "true", "yes", "positive", "t", "y")
#: How the files of models end that one finds lying about; what they are is told by their content.
MODELS = [".onnx", ".skops", ".txt", ".ubj", ".json", ".pt", ".pt2"]
SKIPPED = frozenset({".git", ".gonogo", ".venv", "venv", "node_modules", "__pycache__"})
MOST_CLASSES = 50


@dataclass(frozen=True)
class Written:
    """The file that was written, what was read off the folder, and what a person should look at."""

    file: Path
    system: str
    found: dict[str, str]
    notes: tuple[str, ...]
    roles: tuple[str, ...]  #: whose signature the gate asks for


def init(  # one argument for each thing a person may want to say instead of having it read off
    root: Path,
    *,
    pack: str = "starter",
    system: str | None = None,
    model: Path | None = None,
    target: str | None = None,
    time: str | None = None,
) -> Written:
    """Write `root/gonogo.yaml`. Raises ConflictError when there is one, ModelError, DataError or UsageError for what cannot be read off."""
    root = root.resolve()
    file = root / "gonogo.yaml"
    if file.exists():
        raise ConflictError(f"{file} is already there.", hint="Edit it, or remove it first.")
    model_path = (root / model if model else _only_model(root)).resolve()
    kind = model_kind(model_path)
    tables = _tables(root)
    test = read_table(tables["test"])
    target = target or _target(test)
    if target not in {*test.columns, *test.unreadable}:
        raise DataError(f"{tables['test'].name} has no column {target!r}.", hint=f"It has: {', '.join(test.columns)}.")
    classes = _classes(test.labels(target), target)
    time = time or _time(test)
    name = check_system_name(system or re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-") or "my-model")
    found = {"model": _relative(model_path, root), **{key: _relative(path, root) for key, path in tables.items()}, "target": target}
    notes = []
    if "train" not in tables:
        notes.append("No training table was found: declare data.train, or the gate cannot compare training and test data.")
    try:
        check_options(kind, ())
    except ModelError as error:
        notes.append(str(error))
    if gaps := [name for name in classes if name.lower() in GAPS]:
        notes.append(f"The target has the class {gaps[0]!r}: if that is a missing value, take those rows out of the tables and begin anew.")
    text = _text(name, pack, root, model_path, tables, target, time, classes)
    write_atomic(file, text.encode())
    roles: dict[str, None] = {}
    with suppress(GonogoError):  # whatever is wrong with the pack, the gate says it
        project = Workspace.open(file).project
        gate = load_pack(project.pack, project).gate
        roles = dict.fromkeys(item.sign_off for item in gate.items if item.sign_off)
        notes += _unwanted(gate, kind)
    if kind == "onnx":  # which tells it without anything declared
        with suppress(GonogoError):  # as with the model
            inspection, _ = Workspace.open(file).sandbox().inspect(ModelSource(model_path, kind))
            notes += filter(None, [rows_at_once.advice(rows_at_once.of(inspection.metadata), kind)])
    return Written(file, name, found, tuple(notes), tuple(roles))


def _unwanted(gate: Checklist, kind: str) -> list[str]:
    """What the gate will say of models of this kind, said before anything was built on them."""
    asked = [(item, text) for item in gate.items if item.check == "model_format" and not item.options.get("file") for text in item.require]
    return [
        f"{gate.title} asks {text!r}, and this model is of the kind {kind}: export it otherwise, or demand otherwise with a reason "
        f"(`items: {{{item.id}: {{require: …, reason: …}}}}`), for which people then sign."
        for item, text in asked
        if parse(text).names == ("format",) and not evaluate(parse(text), {"format": Fact(kind)}).met
    ]


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _files(root: Path, suffixes: Sequence[str]) -> list[Path]:
    found = [path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file()]
    return sorted(path for path in found if not SKIPPED & set(path.relative_to(root).parts))


def _only_model(root: Path) -> Path:
    models = [path for path in _files(root, MODELS) if path.stat().st_size and sniff(path) in SUFFIXES]
    models += [path.parent for path in _files(root, [".pb"]) if path.name == "saved_model.pb"]
    if len(models) == 1:
        return models[0]
    others = _files(root, [".onnx", ".skops", ".ubj", ".pt", ".pt2", ".pkl", ".pickle", ".joblib", ".pth", ".h5", ".keras"])
    if not models and others:
        model_kind(others[0])  # says what it is, and what to do
    if not models:
        raise ModelError(f"there is no model below {root}.", hint="Put it there, or name it: gonogo init --model PATH.")
    listed = ", ".join(_relative(path, root) for path in models)
    raise UsageError(f"there are {len(models)} models: {listed}.", hint="Name one: gonogo init --model PATH.")


def _tables(root: Path) -> dict[str, Path]:
    """Tables by role, from the words in their names; a single table is the test table."""
    every = _files(root, [".csv", ".parquet"])
    if not every:
        raise DataError(f"there is no .csv or .parquet table below {root}.", hint="Put the labelled test table there.")
    found: dict[str, Path] = {}
    for path in every:
        words = set(re.split(r"[^a-z]+", path.stem.lower()))
        for role, names in TABLE_WORDS.items():
            if words & set(names) and role not in found:
                found[role] = path
                break
    if "test" not in found:
        rest = [path for path in every if path not in found.values()]
        if len(rest) != 1:
            listed = ", ".join(_relative(path, root) for path in every)
            raise DataError(f"which of these is the test table? {listed}.", hint="Name it so (test.csv), beside train.csv.")
        found["test"] = rest[0]
    return {role: found[role] for role in TABLE_WORDS if role in found}


def _target(table: Table) -> str:
    for name in table.columns:
        if name.lower() in TARGETS:
            return name
    raise UsageError("which column is the target?", hint=f"Say it: gonogo init --target NAME. Columns: {', '.join(table.columns)}.")


def _classes(column: Column, target: str) -> list[str]:
    present = column[~np.isnan(column)] if column.dtype == np.float64 else np.array([v for v in column if v is not None], dtype=object)
    values = sorted({str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in present.tolist()})
    if len(values) < 2:
        raise DataError(f"the target {target!r} has {len(values)} class(es) in the test table.", hint="Two at least are needed.")
    if len(values) > MOST_CLASSES:
        raise DataError(
            f"the target {target!r} has {len(values)} different values.", hint="Regression is not supported; name a class label."
        )
    return values


def _time(table: Table) -> str | None:
    times = [name for name, column in table.columns.items() if column.dtype.kind == "M"]
    return times[0] if len(times) == 1 else None


def _text(  # the file is easier to read here as it will stand there
    name: str,
    pack: str,
    root: Path,
    model: Path,
    tables: dict[str, Path],
    target: str,
    time: str | None,
    classes: list[str],
) -> str:
    binary = len(classes) == 2
    lines = [
        "# Written by `gonogo init`. All keys: `gonogo schema`.",
        f"system: {name}",
        f"pack: {pack}",
        "model:",
        f"  path: {_relative(model, root)}",
        f"  task: {'binary' if binary else 'multiclass'}-classification",
    ]
    if binary:
        positive = next((value for value in classes if value.lower() in POSITIVE), classes[-1])
        lines.append(f'  positive: "{positive}"  # the class whose probability is the score')
    elif len(classes) <= MOST_CLASSES_SAID:
        order = json.dumps(classes, ensure_ascii=False)
        lines.append(f"  # classes: {order}   # taken so when the model does not say it; has it another order of score columns, write that")
    lines.append("data:")
    lines += [f"  {role}: {_relative(path, root)}" for role, path in tables.items()]
    lines.append(f"  target: {target}")
    lines.append(f"  time: {time}" if time else "  # time: COLUMN   # the column that orders the rows, if there is one")
    readme = next((path for path in ("README.md", "readme.md") if (root / path).exists()), None)
    if readme:
        lines.append(f"documents: {{readme: {readme}}}")
    if (root / "tests").is_dir():
        lines.append("code: {paths: [.], tests: python -m pytest tests}")
    lines.append("people: {}  # filled by: gonogo key new NAME --role technical-lead")
    lines.append("store: .gonogo")
    return "\n".join(lines) + "\n"
