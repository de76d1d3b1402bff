"""`gonogo predict`"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from gonogo.cli.door import JSON, PROJECT, redraw, show_json, verb

if TYPE_CHECKING:
    from gonogo.model.schema import Feature


@click.command("predict", epilog="Example: gonogo predict credit-risk@production rows.parquet --out predictions.jsonl")
@click.argument("target", metavar="REF-OR-URL")
@click.argument("source", metavar="[ROWS]", type=click.Path(path_type=Path), default=Path("-"))
@click.option("--out", type=click.Path(path_type=Path), help="write the predictions to this file instead of standard output")
@PROJECT
@JSON
@verb
def command(target: str, source: Path, out: Path | None, project: Path, as_json: bool) -> None:
    """Predict for every row of a .jsonl, .csv or .parquet file, or of JSON lines on standard input.

    REF is a release of this store, verified before it computes; a URL is a running service (its key: GONOGO_API_KEY). One JSON line a row
    comes out: a prediction, or the errors of a row that cannot be used (then the exit code is 1). Those of a service have prediction_id and
    prediction_row: with true labels they are lines for `gonogo feedback`. With --json, --out is needed: standard output then has the
    summary.
    """
    from gonogo.errors import UsageError
    from gonogo.operations.predict import predict

    if as_json and out is None:
        raise UsageError("--json prints a summary, so the predictions need a file.", hint="Add --out predictions.jsonl")
    with ExitStack() as stack:
        predictor, rows = _open(stack, target, source, project)
        write = stack.enter_context(_writing(out))
        done = predict(predictor, rows, write, _seen(as_json or (out is None and sys.stdout.isatty())))
    if as_json:
        show_json({"target": target, "rows": done.rows, "refused": done.refused, "out": str(out)})
    else:
        click.echo(f"{done.rows} rows, {done.refused} of them could not be used", err=True)
    sys.exit(1 if done.refused else 0)


def _open(stack: ExitStack, target: str, source: Path, project: Path) -> tuple[Any, Iterator[Any]]:
    from gonogo.operations.predict import check_file, read_file, read_lines, release_predictor, row_by_row, sendable, told_features

    if str(source) != "-":
        check_file(source)
    elif isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # what is no UTF-8 costs one row
    if "://" in target:
        from gonogo.http.client import Client
        from gonogo.http.talk import RequestRefusedError
        from gonogo.model.encode import RowErrors

        client = stack.enter_context(Client(target, api_key=os.environ.get("GONOGO_API_KEY")))

        def ask(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
            return [{name: value for name, value in vars(one).items() if name != "also" or value} for one in client.predict(rows)]

        predictor = row_by_row(sendable(ask), RowErrors, RequestRefusedError)

        def features() -> Sequence[Feature]:
            return told_features(client.model_info())

    else:
        from gonogo.operations.workspace import Workspace

        known, predictor = release_predictor(Workspace.open(project), target)

        def features() -> Sequence[Feature]:
            return known

    return predictor, read_lines(sys.stdin) if str(source) == "-" else read_file(source, features)


@contextmanager
def _writing(out: Path | None) -> Iterator[Callable[[Sequence[Mapping[str, Any]]], None]]:
    """Lines to standard output, or to a file that is there only when it is whole."""
    from gonogo.base.files import storage

    def lines(stream: TextIO) -> Callable[[Sequence[Mapping[str, Any]]], None]:
        return lambda found: stream.writelines(json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in found)

    if out is None:
        yield lines(sys.stdout)
        sys.stdout.flush()
        return
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    with storage(out, "write"):
        try:
            with beside.open("w", encoding="utf-8") as stream:
                yield lines(stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(beside, out)
        finally:
            beside.unlink(missing_ok=True)


def _seen(quiet: bool) -> Callable[[int], None]:
    if quiet or not sys.stderr.isatty():
        return lambda rows: None
    return lambda rows: redraw(f"{rows:,} rows", err=True)
