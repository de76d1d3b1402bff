"""What checks may ask for by name, made from the project: tables, the bundle, scores, a running trial server, a load test.

Every input has a digest that costs hashing only (a file is hashed again when its stat changes, so that a change during the run is seen);
its value is made when a check first asks for it. When a bundle cannot be built, the
error stays with the input: the items that need it become errors, the others are still measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.base.canonical import digest
from gonogo.base.table import Table, read_table
from gonogo.candidate.run_record import read_run
from gonogo.checklist.declarations.people import Author
from gonogo.checklist.load import load_pack
from gonogo.checklist.rules import RuleDeclaration
from gonogo.errors import DataError, GonogoError, NotFoundError
from gonogo.evidence.declared import declared_file
from gonogo.evidence.digests import FileDigests
from gonogo.evidence.inputs import CandidatesView, MonitorView, Scores, SourceTree
from gonogo.evidence.known_failures import KnownFailure, read_known_failures
from gonogo.evidence.repository import History, Repository
from gonogo.model.encode import encode_table
from gonogo.model.formats import shipped_digest
from gonogo.model.rows import class_indices
from gonogo.model.source import ModelSource
from gonogo.operations.certificates import Standing, standing
from gonogo.operations.loadtest import Load, kept_load_test, load_test_bundle
from gonogo.operations.negative_control import kept_negative_control
from gonogo.operations.runs import read_runs
from gonogo.operations.table_uses import TableUses
from gonogo.operations.workspace import Workspace
from gonogo.release.bundle import Bundle, build_bundle, find_bundle

if TYPE_CHECKING:
    from gonogo.service.trial import TrialServer

#: What to add to gonogo.yaml for an input whose name does not say it.
HOW_TO_GET = {
    "the run record": ": `run_record: models/run.json`, which gonogo.record_run writes at the end of the training",
    "environment": ": `environment: requirements.lock`, a list of packages with exact versions, as `pip freeze` writes it",
    "model.reference": ": a table with the columns `row` and `score`, the training framework's own scores of the test table",
}
#: Sources whether or not `code.paths` names them: a changed test is another test, and makes what the old one said stale.
TESTED_BY = ("tests", "test", "conftest.py", "pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml")
LOAD = Load(requests=1000, concurrency=100)


class ProjectInputs:
    """The inputs of one project. Use as a context manager: a trial server that a check asked for is stopped at the end."""

    def __init__(self, workspace: Workspace, *, build: bool, progress: Callable[[str, int, int], None]) -> None:
        self.workspace = workspace
        self.project = workspace.project
        self.build = build
        self.progress = progress
        self.notes: list[str] = []
        self._open = ExitStack()
        self._values: dict[str, Any] = {}
        self._files = FileDigests()

    def __enter__(self) -> ProjectInputs:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def subject(self) -> str | None:
        """Root digest of the bundle as the files are now, or None when there is none."""
        try:
            return self._bundle.digest
        except GonogoError as error:
            self.notes.append(f"no bundle: {error}")
            return None

    def digest(self, name: str) -> str:
        """Digest of an input as it is now. Raises GonogoError when it is not there."""
        return str(self._of(name, "digest"))

    def get(self, name: str) -> Any:
        """The input itself, made once."""
        if name not in self._values:
            self._values[name] = self._of(name, "get")
        return self._values[name]

    def _of(self, name: str, what: str) -> Any:
        method = getattr(self, f"_{what}_{name}", None)
        if method is None:
            raise NotFoundError(f"a check asks for the input {name!r}, which does not exist.")
        return method()

    # -- files -----------------------------------------------------------------------------------------------------------------------

    def _file_digest(self, path: Path | None, what: str) -> str:
        if path is None:
            raise NotFoundError(f"{what} is not declared.", hint=f"Add it to {self.project.file.name}{HOW_TO_GET.get(what, '')}.")
        if not path.is_file():
            raise DataError(f"{what} {path} is not there.", hint=f"Mend the path in {self.project.file.name}.")
        return self._files.digest(path)

    def _digest_train(self) -> str:
        return self._file_digest(self.project.data.train, "data.train")

    def _digest_validation(self) -> str:
        return self._file_digest(self.project.data.validation, "data.validation")

    def _digest_test(self) -> str:
        return self._file_digest(self.project.data.test, "data.test")

    def _digest_train_file(self) -> str:
        return self._digest_train()

    def _digest_validation_file(self) -> str:
        return self._digest_validation()

    def _digest_test_file(self) -> str:
        return self._digest_test()

    def _get_train_file(self) -> Path | None:
        self._digest_train()
        return self.project.data.train

    def _get_validation_file(self) -> Path | None:
        self._digest_validation()
        return self.project.data.validation

    def _get_test_file(self) -> Path | None:
        self._digest_test()
        return self.project.data.test

    def _get_train(self) -> Table:
        return self._table(self.project.data.train, "data.train")

    def _get_validation(self) -> Table:
        return self._table(self.project.data.validation, "data.validation")

    def _get_test(self) -> Table:
        return self._table(self.project.data.test, "data.test")

    def _table(self, path: Path | None, what: str) -> Table:
        self._file_digest(path, what)
        assert path is not None
        table = read_table(path)
        table.column(self.project.data.target)
        return table

    def _digest_reference(self) -> str:
        return self._file_digest(self.project.model.reference, "model.reference")

    def _get_reference(self) -> Table:
        self._digest_reference()
        assert self.project.model.reference is not None
        return read_table(self.project.model.reference)

    def _digest_model_file(self) -> str:
        path = self.project.model.path
        return shipped_digest(path) if path.is_dir() else self._file_digest(path, "model.path")

    def _get_model_file(self) -> Path:
        self._digest_model_file()
        return self.project.model.path

    def _digest_model(self) -> str:
        pipeline = self.project.model.pipeline
        read = None if pipeline is None else self._file_digest(pipeline, "model.pipeline")
        return digest({"file": self.digest("model_file"), "options": self.project.model.options, "pipeline": read})

    def _get_model(self) -> ModelSource:
        model = self.project.model
        return ModelSource.declared(model.path, model.options, model.pipeline)

    def _digest_run_record(self) -> str:
        return self._file_digest(self.project.run_record, "the run record")

    def _get_run_record(self) -> Mapping[str, Any]:
        self._digest_run_record()
        assert self.project.run_record is not None
        return read_run(self.project.run_record)

    def _digest_ledger(self) -> str:
        return digest([line.digest for line in read_runs(self.workspace)])

    def _get_ledger(self) -> Sequence[Mapping[str, Any]]:
        found = [line.run for line in read_runs(self.workspace)]
        if not found:
            raise DataError("the ledger of runs is not there, or holds no run.", hint="gonogo.record_run writes it beside the run record.")
        return found

    def _digest_candidates(self) -> str:
        return str(self.get("candidates").digest)

    def _get_candidates(self) -> CandidatesView:
        from gonogo.operations.selected import selected

        return selected(self.workspace)

    def _digest_certificate(self) -> str:
        return self._get_certificate().digest

    def _get_certificate(self) -> Standing:
        return standing(self.workspace, self._bundle)

    # -- declarations ----------------------------------------------------------------------------------------------------------------

    def _digest_project(self) -> str:
        declared = self.project.to_json()
        return digest({key: declared[key] for key in ("system", "model", "data", "code", "accelerator")})

    def _get_project(self) -> Any:
        return self.project

    def _digest_monitor(self) -> str:
        rules = [asdict(rule) for rule in self._rules()]
        return digest({"declared": self.project.to_json()["monitor"], "rules": rules})

    def _get_monitor(self) -> MonitorView:
        return MonitorView(self.project.monitor.channels, self._rules())

    def _rules(self) -> tuple[RuleDeclaration, ...]:
        return load_pack(self.project.pack, self.project).monitor.rules

    def _digest_people(self) -> str:
        people = self.project.people.items()
        return digest({role: [{"name": one.name, "key": self._or_missing(one.key)} for one in persons] for role, persons in people})

    def _get_people(self) -> Any:
        return self.project.people

    def _digest_author(self) -> str:
        author = self._get_author()
        return digest({"name": author.name, "key": self._or_missing(author.key) if author.key else None})

    def _get_author(self) -> Author:
        if self.project.author is None:
            raise NotFoundError("nobody is declared as author.", hint=f"Add `author: {{name: NAME}}` to {self.project.file.name}.")
        return self.project.author

    def _digest_files(self) -> str:
        return digest({name: self._or_missing(path) for name, path in self.project.files.items()})

    def _get_files(self) -> Mapping[str, Path]:
        return self.project.files

    def _digest_documents(self) -> str:
        paths = self.project.documents.items()
        return digest({name: self._or_missing(path) for name, path in paths})

    def _or_missing(self, path: Path) -> str:
        return self._files.digest(path) if path.is_file() else "missing"

    def _get_documents(self) -> Mapping[str, Path]:
        return self.project.documents

    def _digest_environment(self) -> str:
        return self._file_digest(self.project.environment, "environment")

    def _get_environment(self) -> Path:
        self._digest_environment()
        assert self.project.environment is not None
        return self.project.environment

    def _digest_source(self) -> str:
        return self._get_source().digest(self._files)

    def _get_source(self) -> SourceTree:
        root = self.project.root
        beside = [Path(name) for name in TESTED_BY if (root / name).exists()]
        return SourceTree.read(root, [*self.project.code.paths, *beside])

    def _digest_repository(self) -> str:
        return self._get_repository().digest

    def _get_repository(self) -> Repository:
        return Repository.read(self.project.root, leave_out=(self.workspace.path,))

    def _digest_history(self) -> str:
        return self._get_history().digest

    def _get_history(self) -> History:
        return History.read(self.project.root)

    def _digest_known_failures(self) -> str:
        found = self._get_known_failures()
        return digest(
            {"file": self._files.digest(self.project.files["known_failures"]), "expired": [one.case for one in found if one.expired]}
        )

    def _get_known_failures(self) -> tuple[KnownFailure, ...]:
        if "known_failures" not in self.project.files:
            raise NotFoundError("no known failures are declared.", hint=f"Add files.known_failures to {self.project.file.name}.")
        return read_known_failures(declared_file(self.project.files, "known_failures"), self.workspace.clock.now())

    def _digest_sandbox(self) -> str:
        return digest({"isolation": self.project.isolation})

    def _get_sandbox(self) -> Any:
        return self.workspace.sandbox()

    # -- the bundle and what it does -------------------------------------------------------------------------------------------------

    @cached_property
    def _bundle_or_error(self) -> Bundle | GonogoError:
        try:
            found = find_bundle(self.project, self.workspace.bundles)
            if found is not None:
                return found
            if not self.build:
                return NotFoundError("the files have changed since the last check.", hint="Run `gonogo check`.")
            self.progress("building the bundle", 0, 1)
            return build_bundle(self.project, self.workspace.sandbox(), into=self.workspace.bundles)
        except GonogoError as error:
            return error

    @property
    def _bundle(self) -> Bundle:
        found = self._bundle_or_error
        if isinstance(found, GonogoError):
            raise found
        return found

    def _digest_bundle(self) -> str:
        return self._bundle.digest

    def _get_bundle(self) -> Bundle:
        return self._bundle

    def _digest_scores_test(self) -> str:
        return digest({"bundle": self.digest("bundle"), "rows": self.digest("test"), "target": self.project.data.target})

    def _digest_scores_validation(self) -> str:
        return digest({"bundle": self.digest("bundle"), "rows": self.digest("validation"), "target": self.project.data.target})

    def _get_scores_test(self) -> Scores:
        return self._scores(self.get("test"))

    def _get_scores_validation(self) -> Scores:
        return self._scores(self.get("validation"))

    def _scores(self, table: Table) -> Scores:
        """Scores of the bundle's own model bytes on a table, from the isolated child."""
        schema = self._bundle.schema
        scores, isolation = self.workspace.sandbox().scores(schema, self._bundle.model, encode_table(schema, table))
        return Scores(
            y=class_indices(schema, table.column(self.project.data.target)),
            scores=scores,
            classes=schema.classes,
            isolation=isolation,
            threshold=schema.threshold,
        )

    def _digest_test_uses(self) -> str:
        return digest(self._get_test_uses())

    def _get_test_uses(self) -> Mapping[str, Any]:
        table = self.digest("test")
        uses = TableUses(self.workspace.test_uses).of(table)
        return {"digest": table, "uses": len(uses), "budget": self.project.policy.test_uses}

    def count_test_use(self) -> None:
        """Remember that the test table judges this bundle. Before anything is measured, so that all see the same count."""
        try:
            if self.subject is not None:
                TableUses(self.workspace.test_uses).add(self.digest("test"), self.subject, self.workspace.clock)
        except GonogoError as error:
            self.notes.append(f"uses of the test table are not counted: {error}")

    def test_use_notes(self) -> list[str]:
        """A warning when the test table has judged more bundles than the project allows; empty otherwise."""
        try:
            found = self._get_test_uses()
        except GonogoError:
            return []  # there is no test table, or the count cannot be read: the items that need them say so
        if found["uses"] <= found["budget"]:
            return []
        said = f"the test table has judged {found['uses']} bundles, more than the {found['budget']} of policy.test_uses"
        return [f"{said}: the best of many looks better than it is, so take fresh rows for the test"]

    def _digest_endpoint(self) -> str:
        return digest({"bundle": self.digest("bundle")})

    def _get_endpoint(self) -> TrialServer:
        """The bundle, booted in trial mode: this machine only, an ephemeral port, no pointer, no routed traffic."""
        from gonogo.service.trial import TrialServer  # with its event loop, only when something is to be served

        return self._open.enter_context(TrialServer(self._bundle, accept_weaker=self.project.isolation == "accept-weaker"))

    def _load_test(self) -> dict[str, Any] | None:
        """The bundle's load test. Read afresh every time: it is small, and an edit during the run must be seen."""
        return kept_load_test(self.workspace, self._bundle.digest)

    def run_load_test(self, *, again: bool = False) -> None:
        """Load-test the bundle unless that has been done, or again: the result is the bundle's, and the gate reads it from its file."""
        if self.subject is None:
            return
        try:
            if self._load_test() is not None and not again:
                return
        except DataError as error:
            self.notes.append(str(error))
        self.progress(f"load test: {LOAD.requests} requests", 0, 1)
        try:
            load_test_bundle(self.workspace, self._bundle, self.get("endpoint"), LOAD, progress=self.progress)
        except GonogoError as error:
            self.notes.append(f"no load test: {error}")

    def _digest_load_result(self) -> str:
        return digest(self._get_load_result())

    def _get_load_result(self) -> Mapping[str, Any]:
        found = self._load_test()
        if found is None:
            raise DataError("this bundle has not been load-tested.", hint="Run `gonogo loadtest`.")
        return found

    def _digest_negative_control(self) -> str:
        return digest(self._get_negative_control())

    def _get_negative_control(self) -> Mapping[str, Any]:
        checklist = load_pack(self.project.pack, self.project).gate
        found = kept_negative_control(self.workspace, self._bundle.digest, checklist)
        if found is None:
            raise DataError("no spoiled copy of this bundle was judged by this checklist.", hint="Run `gonogo check --prove`.")
        return found
