"""Spoiled copies of a candidate: what a gate must refuse. Nothing of the project itself is touched; copies lie in a folder of their own.

    shuffled-labels   the labels of the test and validation tables stand beside other rows
    permuted-feature  the values (windows, images) of the feature that matters most stand beside other rows
    corrupted-weights half of the model's weights have the other sign; only of a model whose file lets its weights be found (ONNX): a
                      SavedModel keeps checksums of them, and a copy that does not load proves nothing
    leaked-target     that feature tells the label, in every table; a tensor in all of its elements

A column is permuted by a fixed seed, so the same candidate is spoiled in the same way again.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gonogo.base.table import READERS, literal, quoted
from gonogo.checklist.project import Project
from gonogo.errors import DataError, ModelError
from gonogo.model.formats import sniff
from gonogo.model.onnx_wire import WireError, weight_spans

SEED = 17


@dataclass(frozen=True)
class Spoiling:
    """One way to spoil: its name, what it does in words, and the making of a spoiled project in an empty folder."""

    name: str
    what: str
    make: Callable[[Path], Project]


def spoilings(project: Project, feature: str) -> tuple[Spoiling, ...]:
    """Those that can be made of a project whose most important feature is `feature`."""
    target = project.data.target
    ways = [
        Spoiling("shuffled-labels", "labels beside other rows", lambda into: _permuted(project, target, into)),
        Spoiling("permuted-feature", f"{feature} beside other rows", lambda into: _permuted(project, feature, into)),
    ]
    if sniff(project.model.path) == "onnx":
        ways.append(Spoiling("corrupted-weights", "half of the weights with the other sign", lambda into: _corrupted(project, into)))
    return (*ways, Spoiling("leaked-target", f"{feature} tells the label", lambda into: _leaked(project, feature, into)))


def _permuted(project: Project, column: str, into: Path) -> Project:
    """Judged tables only: what was trained on stays, as it would if the world had changed."""
    name = quoted(column)

    def query(table: str) -> str:
        return (
            f"WITH rows AS (SELECT *, row_number() OVER () AS gonogo_row FROM {table}), "  # noqa: S608 - the name is quoted
            f"mixed AS (SELECT {name} AS gonogo_value, "
            f"row_number() OVER (ORDER BY hash(gonogo_row + {SEED}), gonogo_row) AS gonogo_row FROM rows) "
            f"SELECT rows.* EXCLUDE (gonogo_row) REPLACE (mixed.gonogo_value AS {name}) "
            "FROM rows JOIN mixed USING (gonogo_row) ORDER BY rows.gonogo_row"
        )

    data = project.data
    return _with_tables(project, {"test": data.test, "validation": data.validation}, query, into)


def _leaked(project: Project, feature: str, into: Path) -> Project:
    data = project.data
    name, target, kind = quoted(feature), quoted(data.target), _type(data.test, feature)
    tables = {"train": data.train, "test": data.test, "validation": data.validation}
    rank = "SELECT *, dense_rank() OVER (ORDER BY {target}) AS gonogo_rank FROM {table}"
    told = _filled(f"CAST(gonogo_rank AS {kind.partition('[')[0]})", name, kind.count("["))

    def query(table: str) -> str:
        ranked = rank.format(target=target, table=table)
        return f"SELECT * EXCLUDE (gonogo_rank) REPLACE ({told} AS {name}) FROM ({ranked})"  # noqa: S608 - quoted

    return _with_tables(project, tables, query, into)


def _filled(value: str, tensor: str, depth: int) -> str:
    """SQL for a list of the same lengths as the tensor, nested so deep, with the value in every place; at depth 0 the value."""
    if depth == 0:
        return value
    inner = f"inner_{depth}"
    return f"list_transform({tensor}, lambda {inner}: {_filled(value, inner, depth - 1)})"


def _with_tables(project: Project, tables: Mapping[str, Path | None], query: Callable[[str], str], into: Path) -> Project:
    """The project with the given tables rewritten by a query over each, in the format that it had."""
    import duckdb

    written: dict[str, Path] = {}
    for role, path in tables.items():
        if path is None:
            continue
        suffix = path.suffix.lower()
        out = into / f"{role}{suffix}"
        format_ = "FORMAT csv, HEADER" if suffix == ".csv" else "FORMAT parquet"
        try:
            with duckdb.connect(config={"threads": 1}) as connection:
                connection.execute(f"COPY ({query(_reader(path))}) TO {literal(str(out))} ({format_})")
        except duckdb.Error as error:
            raise DataError(f"no spoiled copy of {path.name} could be made: {str(error).splitlines()[0]}") from error
        written[role] = out
    declared = {role: getattr(project.data, role) for role in ("train", "test", "validation")} | written
    return replace(project, data=replace(project.data, **declared), store=into / "store")


def _corrupted(project: Project, into: Path) -> Project:
    data = np.frombuffer(project.model.path.read_bytes(), dtype=np.uint8).copy()
    try:
        spans = weight_spans(data.tobytes())
    except WireError as error:
        raise ModelError(f"the weights of {project.model.path.name} cannot be found: {error}.") from error
    signs = np.concatenate([np.arange(start + 3, end, 4) for start, end in spans]) if spans else np.array([], dtype=np.int64)
    if not len(signs):
        raise ModelError(f"{project.model.path.name} has no float32 weights to corrupt.")
    chosen = np.random.default_rng(SEED).permutation(signs)[: (len(signs) + 1) // 2]
    data[chosen] ^= 0x80  # the sign bit of a little-endian float32 is the highest of its last byte
    path = into / project.model.path.name
    path.write_bytes(data.tobytes())
    return replace(project, model=replace(project.model, path=path), store=into / "store")


def _type(path: Path, column: str) -> str:
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.execute(f"DESCRIBE SELECT {quoted(column)} FROM {_reader(path)}").fetchall()  # noqa: S608 - quoted
    return str(rows[0][1])


def _reader(path: Path) -> str:
    """What to write after FROM: the file by its very name, not as a pattern."""
    return READERS[path.suffix.lower()].replace("?", literal(glob.escape(str(path))), 1)
