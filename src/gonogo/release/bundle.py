"""Building the bundle: from a project's files to the tree that would ship, before anything is judged.

The same inputs give the same bundle. An index beside the bundles remembers which declared files and settings gave which bundle, so that
`find_bundle` answers by hashing alone; what it finds is hashed too, and a bundle that was changed on disk is never found. The index is
sealed (`evidence/sealed.py`): an edited one finds nothing.

Everything about the model's bytes is asked of the copy that will ship, in the isolated child; this process never loads them.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gonogo.base.canonical import canonical_bytes, digest, parse_json
from gonogo.base.files import draft_directory, publish_directory, storage
from gonogo.base.table import Table, read_table
from gonogo.base.tree import file_digest, read_tree
from gonogo.candidate.run_record import read_run
from gonogo.errors import DataError, GonogoError, ModelError, StorageError, VerificationError
from gonogo.evidence.sealed import SealedFolder
from gonogo.model.derive import derive_schema
from gonogo.model.encode import encode_table
from gonogo.model.formats import EXTRAS, ship, shipped_digest, sniff, suffix
from gonogo.model.pipeline import Pipeline
from gonogo.model.rows import class_indices, class_text
from gonogo.model.runtime import Array, Inspection
from gonogo.model.schema import Schema
from gonogo.model.source import ModelSource, read_pipeline
from gonogo.release.baseline import make_baseline, slice_parts
from gonogo.release.contents import BASELINE, ENVIRONMENT, GOLDEN, MANIFEST, PIPELINE, RUN, SCHEMA, Bundle, manifest
from gonogo.release.drafts import clear_drafts
from gonogo.release.environment import make_environment, runtime_packages
from gonogo.release.golden import make_golden

if TYPE_CHECKING:
    from gonogo.checklist.declarations.model import ModelDeclaration
    from gonogo.checklist.project import Project
    from gonogo.model.sandbox import Sandbox

__all__ = ["Bundle", "build_bundle", "find_bundle", "sources_digest"]

INDEX, INDEX_FORMAT = "index.json", "gonogo-bundle-index/1"
_MEND = "Mend `{entry}` in gonogo.yaml, or write the tables again with the column."
MOST_NAMED = 12  #: so many of a kind are named in an error
BUILDER = 3  #: raised when the same inputs would give another bundle
Progress = Callable[[str, int, int], None]


def build_bundle(project: Project, sandbox: Sandbox, *, into: Path, progress: Progress = lambda what, done, total: None) -> Bundle:
    """Build the project's bundle below `into` (whole or not at all), enter it in the index, and give it back.

    Raises ModelError (missing, truncated, of the wrong kind, not fitting the table, NaN), DataError (a table that is missing, unreadable,
    without rows, without the target or another declared column, of one class), ChildError and IsolationError (the model could not be
    asked), StorageError.
    """
    sources = sources_digest(project)
    kind = ModelSource(project.model.path, options=project.model.options).check()
    reference = _reference(project)
    tables = {path: _table(project, path) for path in dict.fromkeys((reference, project.data.test))}
    _check_columns(project, tables)
    with storage(into, "create"):
        into.mkdir(parents=True, exist_ok=True)
    clear_drafts(into)
    with draft_directory(into / "bundle") as draft:
        pipeline = None if project.model.pipeline is None else draft / PIPELINE
        model = ModelSource(draft / f"model/model.{suffix(kind, project.model.path)}", kind, project.model.options, pipeline)
        with storage(draft, "write to"):
            model.path.parent.mkdir()
            with model.path.open("wb") as file:
                ship(project.model.path, file)
            if pipeline is not None:
                pipeline.write_bytes(_canonical_pipeline(project))
        progress("inspecting the model", 0, 4)
        schema = _schema(project, sandbox, model, tables)
        progress("scoring the test table", 1, 4)
        test = tables[project.data.test]
        scores, faults = sandbox.scores_and_faults(schema, model, _encoded(schema, test, project.data.test))
        _check_finite(int((~np.isfinite(scores)).any(axis=1).sum()), "NaN or infinity", test.rows)
        for name, bad in faults.items():
            _check_finite(bad, f"NaN or infinity in its output {name!r}", test.rows)
        progress("freezing the baseline", 2, 4)
        source = "train" if project.data.train else "test"
        labels = class_indices(schema, test.column(project.data.target))
        _encoded(schema, tables[reference], reference)  # a training table that the model could not take is found now
        parts = slice_parts(schema, test, project.monitor.labels.slices)
        baseline = make_baseline(schema, tables[reference], scores, labels, source=source, parts=parts)
        documents = {SCHEMA: schema.to_json(), BASELINE: baseline}
        progress("asking golden requests", 3, 4)
        listed = Pipeline.parse(read_pipeline(pipeline)).listed if pipeline is not None else {}
        documents[GOLDEN] = make_golden(schema, tables[reference], lambda batch: sandbox.scores(schema, model, batch)[0], listed)
        _write(project, draft, model, documents)
        if sources_digest(project) != sources:  # otherwise the index would say that these files gave this bundle
            raise DataError("the model or a table changed while the bundle was built.", hint="Repeat when nothing writes to them.")
        return _publish(draft, into, sources)


def find_bundle(project: Project, bundles: Path | None = None) -> Bundle | None:
    """The bundle of the project's files as they are now, or None when it was not built yet or was changed on disk. Costs hashing only.

    Raises ModelError or DataError when a declared file is not there.
    """
    folder = bundles or project.store / "bundles"
    root = _index(folder).get(sources_digest(project))
    if root is None:
        return None
    try:
        return Bundle.open(folder / root.removeprefix("sha256:"), expected=root)
    except GonogoError:
        return None  # gone or damaged: it will be built again, and put beside nothing that could be mistaken for it


def sources_digest(project: Project) -> str:
    """Digest of everything that the bundle is made from, without running the model: files, declarations, and our own version."""
    model, data = project.model, project.data
    if not (model.path.is_file() or model.path.is_dir()):  # a pipe would keep whoever opens it
        raise ModelError(f"there is no model at {model.path}.", hint="Train it, or mend `model.path` in gonogo.yaml.")
    files = {"train": data.train, "test": data.test, "environment": project.environment}
    files |= {"run": project.run_record, "pipeline": model.pipeline}
    for name, path in files.items():
        if path is not None and not path.is_file():
            raise DataError(f"the file for {name!r} is not at {path}.", hint="Mend its path in gonogo.yaml.")
    return digest(
        {
            "builder": BUILDER,
            "python": platform.python_version(),
            "packages": runtime_packages(EXTRAS.get(sniff(model.path), "")),
            "system": project.system,
            "model": shipped_digest(model.path),
            "options": model.options,
            "explainer": model.explainer,
            "files": {name: None if path is None else file_digest(path) for name, path in files.items()},
            "task": model.task,
            "features": None if model.features is None else list(model.features),
            "tensors": {name: asdict(tensor) for name, tensor in model.tensors.items()},
            "classes": None if model.classes is None else list(model.classes),
            "positive": model.positive,
            "threshold": model.threshold,
            "target": data.target,
            "time": data.time,
            "group": data.group,
            "ignore": list(data.ignore),
            "slices": {name: list(values) for name, values in project.monitor.labels.slices.items()},
        }
    )


def _reference(project: Project) -> Path:
    chosen: Path = project.data.train or project.data.test
    return chosen


def _named(things: Sequence[object]) -> str:
    return ", ".join(map(str, things[:MOST_NAMED])) + (", …" if len(things) > MOST_NAMED else "")


def _table(project: Project, path: Path) -> Table:
    table = read_table(path)
    try:
        target = table.labels(project.data.target)
    except DataError as error:
        raise DataError(f"{path}: {error.message}", hint=error.hint) from error
    present = {class_text(value) for value in (np.unique(target) if target.dtype != object else set(target.tolist()))}
    if None in present:
        gaps = [row for row, value in enumerate(target.tolist(), 1) if class_text(value) is None]
        raise DataError(
            f"{path}: the target {project.data.target!r} is missing in {len(gaps)} of {len(target)} rows (row {_named(gaps)}).",
            hint="Take those rows out.",
        )
    if len(present) < 2:
        only = next(iter(present), None)
        raise DataError(f"{path}: every row has the target {only!r}; nothing can be learned or measured on one class.")
    return table


def _check_columns(project: Project, tables: Mapping[Path, Table]) -> None:
    """A misspelt column would order, part or take out nothing, without a word. Raises DataError."""
    data = project.data
    for path, table in tables.items():
        for entry, name in (("data.time", data.time), ("data.group", data.group)):
            if name is not None and name not in table.columns:
                raise DataError(f"{path}: there is no column {name!r}, which `{entry}` names.", hint=_MEND.format(entry=entry))
    known = {name for table in tables.values() for name in table.columns}
    for name in data.ignore:
        if name not in known:
            raise DataError(f"no table has the column {name!r}, which `data.ignore` names.", hint=_MEND.format(entry="data.ignore"))


def _schema(project: Project, sandbox: Sandbox, model: ModelSource, tables: Mapping[Path, Table]) -> Schema:
    inspection, _ = sandbox.inspect(model)
    reference = tables[_reference(project)]
    return derive_schema(
        inspection,
        task=project.model.task,
        table=reference,
        target=project.data.target,
        time=project.data.time,
        feature_names=project.model.features,
        classes=_classes(inspection, reference.column(project.data.target), project.model),
        threshold=project.model.threshold,
        ignore=project.data.ignore,
        tensors=project.model.tensors,
        also=project.model.options.get("also", ()),
    )


def _classes(inspection: Inspection, target: Array, model: ModelDeclaration) -> Sequence[str]:
    """The labels in the order of the model's score columns: as its metadata or gonogo.yaml says, else sorted as training libraries do."""
    labels = [class_text(value) or "" for value in sorted(set(target.tolist()))]
    declared, positive = model.classes, model.positive
    if "classes" in inspection.metadata:
        try:
            named = [class_text(value) or "" for value in parse_json(inspection.metadata["classes"].encode())]
        except (ValueError, TypeError) as error:
            raise ModelError(f"the model's metadata entry `classes` is not a JSON list: {error}.") from error
        if declared and list(declared) != named:
            raise ModelError(
                f"the model names its classes {', '.join(named)}, and gonogo.yaml {', '.join(declared)}.",
                hint="The model's own order is that of its score columns: remove `model.classes`, or mend the export.",
            )
    else:
        named = list(declared or labels)
    if unknown := [label for label in labels if label not in named]:
        raise ModelError(f"the model has no class {', '.join(unknown)}, which the labels have; its classes are {', '.join(named)}.")
    if positive is None or positive == named[-1]:
        return named
    if positive not in named:
        raise ModelError(f"the positive class {positive!r} is none of {_named(named)}.", hint="Mend `model.positive` or `data.target`.")
    if len(named) == 2 and all(output.shape[-1:] != (2,) for output in inspection.outputs):
        return [name for name in named if name != positive] + [positive]  # one score column: the probability of the positive class
    raise ModelError(
        f"the model's last score column is that of {named[-1]!r}, not of the positive class {positive!r}.",
        hint='Export it with the positive class last, or say which is which in its metadata: "classes": [...].',
    )


def _canonical_pipeline(project: Project) -> bytes:
    """The declared pipeline in canonical form, once it is sure that it can be read."""
    assert project.model.pipeline is not None
    data = read_pipeline(project.model.pipeline)
    try:
        Pipeline.parse(data)
        return canonical_bytes(parse_json(data))
    except ModelError as error:
        raise ModelError(f"{project.shown(project.model.pipeline)}: {error.message}", hint=error.hint) from error
    except ValueError as error:  # a whole number that JSON can hold and a float cannot; half of a surrogate pair
        hint = "Write large whole numbers with a point, and no half of a surrogate pair."
        raise ModelError(f"{project.shown(project.model.pipeline)}: {error}.", hint=hint) from error


def _encoded(schema: Schema, table: Table, path: Path) -> dict[str, Array]:
    try:
        return encode_table(schema, table)
    except DataError as error:
        raise DataError(f"{path}: {error.message}", hint=error.hint) from error


def _check_finite(bad: int, what: str, rows: int) -> None:
    if bad:
        raise ModelError(
            f"the model gives {what} for {bad} of {rows} rows of the test table.",
            hint="Look for missing values that it cannot take, and for a division or log in the graph.",
        )


def _write(project: Project, draft: Path, model: ModelSource, documents: Mapping[str, Mapping[str, Any]]) -> None:
    shipped = file_digest(model.path)
    if shipped != shipped_digest(project.model.path):
        raise ModelError(f"{project.model.path} changed while the bundle was built.", hint="Repeat when nothing writes to it.")
    with storage(draft, "write to"):
        for name, document in documents.items():
            (draft / name).write_bytes(canonical_bytes(dict(document)))
        (draft / ENVIRONMENT).write_text(make_environment(project.environment, EXTRAS.get(model.format, "")), encoding="utf-8")
        if project.run_record is not None:
            (draft / RUN).write_bytes(canonical_bytes(read_run(project.run_record)))
        about = {
            "path": model.path.relative_to(draft).as_posix(),
            "format": model.format,
            "sha256": shipped.removeprefix("sha256:"),
            "options": dict(model.options),
        }
        if project.model.explainer is not None:
            about["explainer"] = project.model.explainer
        content = manifest(project.system, about, [file.path for file in read_tree(draft).files])
        (draft / MANIFEST).write_bytes(canonical_bytes(content))


def _publish(draft: Path, into: Path, sources: str) -> Bundle:
    root = read_tree(draft).root_digest
    final = into / root.removeprefix("sha256:")
    if final.exists():
        try:
            Bundle.open(final, expected=root)
        except VerificationError:
            with storage(final, "clear away what is left of"):
                shutil.rmtree(final)
    if not final.exists():
        publish_directory(draft, final)
    index = {**_index(into), sources: root}
    SealedFolder(into).write(INDEX, {"format": INDEX_FORMAT, "bundles": index})
    return Bundle.open(final, expected=root)


def _index(folder: Path) -> dict[str, str]:
    """Sources digest → root digest. A missing, damaged or edited index is an empty one: it only saves work."""
    try:
        document = SealedFolder(folder).read(INDEX)
    except (OSError, ValueError, StorageError):
        return {}
    known = document.get("bundles") if isinstance(document, dict) and document.get("format") == INDEX_FORMAT else None
    return {str(key): str(value) for key, value in known.items()} if isinstance(known, dict) else {}
