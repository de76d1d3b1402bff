"""What a check may ask for by name, and the shape each of these has.

The records that other rooms own are described here as Protocols; `operations` hands the real ones in through an `Inputs` object. A
provider keeps two promises: `digest(name)` costs hashing only and names everything that `get(name)` is made from; both raise
NotFoundError when the project does not declare the thing, and another GonogoError when it is declared and cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gonogo.base.canonical import digest
from gonogo.errors import DataError
from gonogo.evidence.digests import FileDigests
from gonogo.evidence.record import Fact
from gonogo.model.predict import Scored
from gonogo.model.runtime import Inspection
from gonogo.model.schema import GraphInput, Schema
from gonogo.model.source import ModelSource
from gonogo.model.weights import Weights

Numbers = np.ndarray[Any, np.dtype[Any]]

#: Every input by name: the type it has, and what its digest must cover.
INPUTS: dict[str, str] = {
    "project": "ProjectView: the declarations of gonogo.yaml; digest over system, model, data, code and accelerator declarations",
    "people": "Mapping[role, Sequence[PersonView]]; digest over roles, names and the bytes of the key files",
    "author": "AuthorView: who made the candidate; digest over the name and the bytes of the key file",
    "files": "Mapping[name, Path]; digest over names and bytes, a missing file counting as such",
    "monitor": "MonitorView; digest over the channels and the rules in force",
    "source": "SourceTree: files below code.paths; digest over paths and bytes",
    "repository": "Repository: what git says of the project; digest over head, branches, upstreams, tags and changed paths",
    "history": "History: the commits that lead to the head; digest over the head's id",
    "known_failures": "Sequence of KnownFailure from files.known_failures; digest over its bytes and which of them have expired",
    "documents": "Mapping[name, Path]; digest over names and bytes, a missing file counting as such",
    "environment": "Path of the lock of the training or serving environment; digest of its bytes",
    "run_record": "Mapping: the run record of the candidate; digest of its file's bytes",
    "certificate": "CertificateView: the system's newest certificate; digest over it and what makes it void today, its age included",
    "ledger": "Sequence of run records, oldest first: the project's ledger; digest over those of the runs",
    "candidates": "CandidatesView: the runs of the ledger as they compare today, and the decision on record; digest over both",
    "model_file": "Path of the declared model; digest of its bytes (a folder: as it would be packed)",
    "model": "ModelSource of the declared model; digest of its bytes, of what is declared for its runtime and of its pipeline",
    "train_file": "Path of the training table; digest of its bytes",
    "validation_file": "Path of the validation table; digest of its bytes",
    "test_file": "Path of the test table; digest of its bytes",
    "train": "Table; digest of the file's bytes",
    "validation": "Table; digest of the file's bytes",
    "test": "Table; digest of the file's bytes",
    "reference": "Table with the training framework's own scores; digest of the file's bytes",
    "bundle": "BundleView; its root digest",
    "sandbox": "SandboxPort: runs the candidate's bytes in isolation; digest over what isolation is demanded",
    "scores_test": "Scores of the bundle's model on `test`; digest over bundle, table and target",
    "scores_validation": "Scores of the bundle's model on `validation`; digest over bundle, table and target",
    "endpoint": "Endpoint: the bundle served in trial mode; the bundle's root digest",
    "test_uses": "Mapping: digest of the test table, uses (bundles that it has judged) and budget; digest of that",
    "negative_control": "Mapping: what `check --prove` found for this bundle under this checklist; digest of that",
    "load_result": "Mapping of a LoadResult; digest of the file in which the bundle's load test is kept",
    # What a review looks at; a gate has none of it. Each is taken once, at the beginning, and its digest is that of what was taken.
    "passed": "Mapping: what was counted of the release in production over the period, as a whole and step by step",
    "readings": "Sequence of readings: every signal over the period, of the releases in service",
    "watched": "Mapping: what the watch saw last, and which alarms fired in the period",
    "audit": "Mapping: whether the audit log is whole, how many events it has, and what has happened in the period",
    "host": "Mapping: the room on the disk of the store",
    "label_quality": "Mapping: how good the release's predictions turned out to be, as far as labels have come",
    "logged": "Table: features and target of logged rows of the release in production that have their label by now",
    "service_log": "Mapping: lines of the service's log in the period by level, and its errors by kind",
    "reviews": "Mapping: the reviews that were made of this system, and which are overdue",
    "retraining": "Mapping: how long ago the last training was, what asks for one, and those on record",
    "gate_again": "Mapping: what became of the gate's items, measured again on the release in production",
}


class Inputs(Protocol):
    """Hands inputs out by name; see the module's docstring for its promises."""

    def digest(self, name: str) -> str: ...

    def get(self, name: str) -> Any: ...


class CertificateView(Protocol):
    """A signed certificate as it stands today. `runs` are retrains, oldest first (see `retrains.py`), `metrics` those of the model itself,
    `again` its own training made once more (`difference`), `voided` why it does not hold, `attempts` how many certifications of the model
    were begun."""

    @property
    def runs(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def metrics(self) -> Mapping[str, Any]: ...
    @property
    def again(self) -> Mapping[str, Any]: ...
    @property
    def voided(self) -> Sequence[str]: ...
    @property
    def attempts(self) -> int: ...


class CandidateView(Protocol):
    """A run as it stands today: `ready` when it may be chosen, `figures` its metrics by name, from what it kept of its predictions where it
    kept them, `notes` what is odd about it."""

    @property
    def ready(self) -> bool: ...
    @property
    def figures(self) -> Mapping[str, Fact]: ...
    @property
    def notes(self) -> Sequence[str]: ...


class CandidatesView(Protocol):
    """Candidates by the digest of their run; `logged` is the digest of the newest decision in the signed log, "" without one."""

    @property
    def candidates(self) -> Mapping[str, CandidateView]: ...
    @property
    def logged(self) -> str: ...


class CodeView(Protocol):
    """The sources' files and folders, and the declared commands, each a list of words or None."""

    @property
    def paths(self) -> Sequence[Path]: ...
    @property
    def tests(self) -> Sequence[str] | None: ...
    @property
    def lint(self) -> Sequence[str] | None: ...
    @property
    def format(self) -> Sequence[str] | None: ...
    @property
    def hooks(self) -> Sequence[str] | None: ...
    @property
    def train(self) -> Sequence[str] | None: ...
    @property
    def security(self) -> Sequence[str] | None: ...


class DataView(Protocol):
    @property
    def target(self) -> str: ...
    @property
    def time(self) -> str | None: ...
    @property
    def ignore(self) -> Sequence[str]: ...
    @property
    def group(self) -> str | None: ...
    @property
    def embargo(self) -> float | None:
        """Seconds."""


class ProjectView(Protocol):
    """What checks read of a project; `checklist.project.Project` has this shape."""

    @property
    def root(self) -> Path: ...
    @property
    def system(self) -> str: ...
    @property
    def code(self) -> CodeView: ...
    @property
    def data(self) -> DataView: ...
    @property
    def accelerator(self) -> str:
        """required, optional or none."""


class PersonView(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def key(self) -> Path: ...


class AuthorView(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def key(self) -> Path | None: ...


class RuleView(Protocol):
    """One alarm: `signal` above `above` (a share, or milliseconds), of what carries `labels` and none of `excepted`; `runbook` is the page
    that says what to do, "" when there is none."""

    @property
    def name(self) -> str: ...
    @property
    def signal(self) -> str: ...
    @property
    def above(self) -> float: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def excepted(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def runbook(self) -> str: ...


@dataclass(frozen=True)
class MonitorView:
    """Who is told, and the rules in force."""

    channels: Sequence[Any]
    rules: Sequence[RuleView]


class BundleView(Protocol):
    """What would ship. `baseline` and `golden` are the JSON documents of those names; `digest` is the root digest of `root`."""

    @property
    def root(self) -> Path: ...
    @property
    def digest(self) -> str: ...
    @property
    def schema(self) -> Schema: ...
    @property
    def model(self) -> ModelSource: ...
    @property
    def baseline(self) -> Mapping[str, Any]: ...
    @property
    def golden(self) -> Mapping[str, Any]: ...


class SandboxPort(Protocol):
    """Runs the candidate's bytes in isolation; `model.sandbox.Sandbox` has this shape."""

    @property
    def accept_weaker(self) -> bool:
        """Whether a machine on which the network cannot be cut off is no error."""

    def scores(self, schema: Schema, model: ModelSource, batch: Mapping[str, Numbers], *, chunk: int | None = None) -> tuple[Numbers, str]:
        """Scores float64 [rows, classes] computed `chunk` rows at a time, and the isolation in force."""

    def scored(self, schema: Schema, model: ModelSource, batch: Mapping[str, Numbers], *, chunk: int | None = None) -> tuple[Scored, str]:
        """As `scores`, with the outputs of `schema.also` as float64 [rows, …], whether they are finite or not."""

    def inspect(self, model: ModelSource) -> tuple[Inspection, str]:
        """What the model's graph says about itself, and the isolation in force."""

    def weights(self, model: Path) -> tuple[Weights, str]:
        """The tensors of a model file or checkpoint, which is not run, and the isolation in force."""

    def torch_output(self, model: Path, inputs: Sequence[GraphInput], batch: Mapping[str, Numbers]) -> tuple[Numbers, str]:
        """What a TorchScript or torch.export file gives for a batch, float64 [rows, columns], and the isolation in force."""


@dataclass(frozen=True)
class Response:
    """One answer: `headers` with lower-case names, `body` as bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ResponseView(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Endpoint(Protocol):
    """A server of the bundle in trial mode. `request` raises UnreachableError when no answer comes."""

    @property
    def base_url(self) -> str: ...
    @property
    def isolation(self) -> str:
        """What the serving process has given up."""

    def peak_memory_mb(self) -> float | None:
        """The most memory that the serving process has held so far, in 10^6 bytes; None where the system does not say."""

    def request(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> ResponseView: ...


@dataclass(frozen=True)
class Scores:
    """What the model says about a table.

    `y` int64 [n]: the class index of each row; `scores` float64 [n, classes]; `threshold` turns the score of the last class of a
    binary task into a label. `isolation` is what was in force while the model's bytes ran.
    """

    y: Numbers
    scores: Numbers
    classes: tuple[str, ...]
    isolation: str
    threshold: float = 0.5

    @property
    def predicted(self) -> Numbers:
        """The class index that each row is given."""
        if len(self.classes) == 2:
            return np.asarray(self.scores[:, 1] >= self.threshold, dtype=np.int64)
        return np.asarray(self.scores.argmax(axis=1), dtype=np.int64)

    def usable(self) -> Scores:
        """Itself, once it is sure that a metric over it means something. Raises DataError otherwise."""
        if len(self.y) == 0:
            raise DataError("there are no rows to measure on.")
        if self.scores.shape != (len(self.y), len(self.classes)):
            raise DataError(f"the scores have shape {self.scores.shape}, not ({len(self.y)}, {len(self.classes)}).")
        if not np.isfinite(self.scores).all():
            bad = int((~np.isfinite(self.scores).all(axis=1)).sum())
            raise DataError(f"{bad} of {len(self.y)} rows have a score that is NaN or infinite.", hint="Nothing can be measured on them.")
        if len(np.unique(self.y)) < 2:
            raise DataError("the rows are all of one class.", hint="Quality cannot be measured on one class.")
        return self


#: Folders and files that tools write beside sources; they are no sources.
NOT_SOURCE = frozenset(
    {
        ".git", ".hg", ".svn", ".gonogo", ".venv", "venv", ".tox", ".nox", "node_modules", "__pycache__", ".pytest_cache", ".mypy_cache",
        ".ruff_cache", ".hypothesis", ".ipynb_checkpoints", ".DS_Store", ".coverage",
    }
)  # fmt: skip


@dataclass(frozen=True)
class SourceTree:
    """The project's own source files: plain files below the declared paths, sorted; links are listed apart and never followed."""

    root: Path
    files: tuple[Path, ...]
    links: tuple[Path, ...] = ()

    @classmethod
    def read(cls, root: Path, paths: Sequence[Path]) -> SourceTree:
        """Everything below the given files and folders. Raises DataError when one is missing or all of them hold nothing."""
        found: set[Path] = set()
        for path in paths:
            start = root / path
            if not start.exists():
                raise DataError(f"the source path {path} is not there.", hint="Mend `code.paths` in gonogo.yaml.")
            found |= {start} if start.is_file() else _below(start)
        links = {path for path in found if path.is_symlink()}
        if not found - links:
            raise DataError(f"there is no source file below {', '.join(str(path) for path in paths) or 'nothing'}.")
        return cls(root, tuple(sorted(found - links)), tuple(sorted(links)))

    def digest(self, digests: FileDigests) -> str:
        """Over the path and bytes of every file and the target of every link."""
        files = {_name(path, self.root): digests.digest(path) for path in self.files}
        links = {_name(path, self.root): "link:" + str(path.readlink()) for path in self.links}
        return digest({**files, **links})


def _below(folder: Path) -> set[Path]:
    found: set[Path] = set()
    for entry in folder.iterdir():
        if entry.name in NOT_SOURCE or entry.name.startswith(".coverage.") or entry.name.endswith((".pyc", ".egg-info")):
            continue
        if entry.is_dir() and not entry.is_symlink():
            found |= _below(entry)
        elif entry.is_file() or entry.is_symlink():
            found.add(entry)
    return found


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
