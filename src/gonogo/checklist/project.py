"""gonogo.yaml as a record: what a model project declares about itself.

Rules: the file has the shape of `project_schema.py`, and what a schema cannot say is checked here; every error has file, line and column.
Paths are absolute in the record (relative ones start at the file's folder) and relative again when shown or digested, so that a project
has the same digest on every machine. Nothing but the file itself is read.

    project = load_project(Path("gonogo.yaml"))
    project.data.test                           # an absolute path
    project.shown(project.data.test)            # "data/test.parquet"
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gonogo.base.canonical import digest
from gonogo.base.catalogue import CATALOGUE, names
from gonogo.base.yaml_source import Path_, YamlSource, load_yaml
from gonogo.checklist.channels import ChannelDeclaration, read_channels
from gonogo.checklist.project_schema import project_schema
from gonogo.checklist.shape import check_shape
from gonogo.errors import ProjectFileError
from gonogo.model.schema import DeclaredTensor, Tensor
from gonogo.model.slices import MOST

Command = tuple[str, ...]
Period = Literal["hour", "day", "week", "month", "quarter"]
PERIODS: tuple[Period, ...] = ("hour", "day", "week", "month", "quarter")
FORMAT = "gonogo-project/1"
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class ModelDeclaration:
    """The model. `reference` is a table of the training framework's own scores: columns row (from 0) and score. `options` has what is
    declared for the runtime, and nothing else: inputs, output, also, device, trusted, callable. `tensors` are the inputs that are windows
    or images. `pipeline` is the document of pre- and post-processing; `explainer` names how the service explains an answer when asked, if
    it does."""

    path: Path
    task: Literal["binary-classification", "multiclass-classification"]
    features: tuple[str, ...] | None = None
    positive: str | None = None
    threshold: float = 0.5
    reference: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    pipeline: Path | None = None
    explainer: Literal["shapley"] | None = None
    tensors: Mapping[str, DeclaredTensor] = field(default_factory=dict)


@dataclass(frozen=True)
class DataDeclaration:
    """The labelled tables. `ignore` are columns that are no features; rows of one `group` belong into one table; `embargo` is the least
    time between tables in seconds."""

    test: Path
    target: str
    train: Path | None = None
    validation: Path | None = None
    time: str | None = None
    ignore: tuple[str, ...] = ()
    group: str | None = None
    embargo: float | None = None


@dataclass(frozen=True)
class CodeDeclaration:
    """Sources to digest and scan; commands as argument lists, never given to a shell."""

    paths: tuple[Path, ...]
    tests: Command | None = None
    lint: Command | None = None
    format: Command | None = None
    hooks: Command | None = None
    train: Command | None = None
    security: Command | None = None


@dataclass(frozen=True)
class Person:
    name: str
    key: Path


@dataclass(frozen=True)
class Author:
    """Who made the candidate. With a key, the author is kept apart from approvers by key, too."""

    name: str
    key: Path | None = None


@dataclass(frozen=True)
class PolicyDeclaration:
    """`test_uses`: of how many bundles the test table may have judged before a note warns."""

    test_uses: int = 20


@dataclass(frozen=True)
class RolloutDeclaration:
    """How traffic moves. Steps in per cent; alpha, beta, margin and d as in `rollout/judge.py`."""

    target: str = "local"
    steps: tuple[int, ...] = (5, 25, 100)
    min_seconds: float = 10.0
    deadline_seconds: float = 600.0
    hold_back_percent: float = 0.0
    alpha: float = 0.01
    beta: float = 0.05
    margin: float = 0.01
    d: float = 0.001


@dataclass(frozen=True)
class LabelsDeclaration:
    """How labels come. The predictions of an hour are judged from `mature_after` seconds after it began on, when at least the share
    `least_coverage` of them has a label. `slices` (see `model/slices.py`) are told apart. `expected`: they are declared to come, so that
    none is something to tell."""

    mature_after: float = 86_400.0
    least_coverage: float = 0.5
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expected: bool = False


@dataclass(frozen=True)
class MonitorDeclaration:
    """Who is told, and how labels come. `changes` is what the project has otherwise than its pack, as written: rules and escalation (see
    `rules.py`). `reviews` are those that the service makes by itself when they are due, as far as the pack has them."""

    channels: tuple[ChannelDeclaration, ...] = (ChannelDeclaration("file", "file"),)
    labels: LabelsDeclaration = field(default_factory=LabelsDeclaration)
    changes: Mapping[str, Any] = field(default_factory=dict)
    reviews: tuple[Period, ...] = PERIODS


@dataclass(frozen=True)
class RetrainStep:
    """One command of a training. `timeout` in seconds (None: the setting `retrain_seconds`); `reads` is what its result follows from (None:
    the sources), `writes` what it leaves beside what is declared elsewhere."""

    name: str
    run: Command
    timeout: float | None = None
    reads: tuple[Path, ...] | None = None
    writes: tuple[Path, ...] = ()


@dataclass(frozen=True)
class RetrainDeclaration:
    """How and when the model is trained again. `when` are the kinds of findings that start it; times are in seconds. A new model is taken
    further when it is what `accept` says, and as far as `then` by itself."""

    when: tuple[Literal["schedule", "drift", "calibration"], ...] = ()
    every: float = 91 * 86_400.0
    at_most_every: float = 7 * 86_400.0
    steps: tuple[RetrainStep, ...] = ()
    accept: Literal["better", "no worse"] = "better"
    then: Literal["staging", "production"] = "staging"


@dataclass(frozen=True)
class CertifyDeclaration:
    """How the model is certified: a retrain for each seed, folds of a cross-validation, trainings on shuffled labels, the metric that both
    are scored by, and for how many seconds a certificate holds."""

    seeds: tuple[int, ...] = (1, 2, 3)
    folds: int = 5
    permutations: int = 20
    metric: Literal["accuracy", "balanced_accuracy", "macro_f1", "roc_auc"] = "accuracy"
    valid: float = 90 * 86_400.0


@dataclass(frozen=True)
class CandidatesDeclaration:
    """Which runs are compared. `ledger` is a path of JSON lines, or `sqlite:///PATH` with `experiment`; "" is beside the run record.
    `expected` bounds metrics by the name or family of a candidate, before they are measured."""

    ledger: str = ""
    experiment: str = ""
    metric: str = ""
    expected: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class PredictionLogDeclaration:
    """The log of served predictions. `sample` is a share of the requests; `redact` maps features to "drop" or "hash"."""

    sample: float = 1.0
    redact: Mapping[str, Literal["drop", "hash"]] = field(default_factory=dict)
    keep_days: float = 30.0


@dataclass(frozen=True)
class ItemOverride:
    """What a project says about one item; None and empty mean that it says nothing."""

    require: tuple[str, ...] | None = None
    confidence: float | None = None
    max_age: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    applies: bool | None = None
    reason: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that change the item's content; an answer (applies, reason) changes nothing in it."""
        given = {"require": self.require, "confidence": self.confidence, "max_age": self.max_age, "options": self.options or None}
        return tuple(key for key, value in given.items() if value is not None)


@dataclass(frozen=True)
class Project:
    """A loaded gonogo.yaml. `root` is its folder; `source` knows where each value stands."""

    root: Path
    file: Path
    system: str
    pack: str
    model: ModelDeclaration
    data: DataDeclaration
    documents: Mapping[str, Path]
    code: CodeDeclaration
    files: Mapping[str, Path]
    people: Mapping[str, tuple[Person, ...]]
    author: Author | None
    policy: PolicyDeclaration
    rollout: RolloutDeclaration
    monitor: MonitorDeclaration
    retrain: RetrainDeclaration
    certify: CertifyDeclaration
    candidates: CandidatesDeclaration
    prediction_log: PredictionLogDeclaration | None
    items: Mapping[str, ItemOverride]
    environment: Path | None
    isolation: Literal["required", "accept-weaker"]
    accelerator: Literal["required", "optional", "none"]
    store: Path
    run_record: Path | None
    source: YamlSource = field(repr=False, compare=False)

    def shown(self, path: Path) -> str:
        """A path as people and records see it: relative to the project when it lies in it, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else os.path.relpath(path, self.root)

    def to_json(self) -> dict[str, Any]:
        """Every declaration, the same on every machine: paths relative, the folder itself left out."""
        parts = tuple(name for name in self.__dataclass_fields__ if name not in ("root", "file", "store", "source"))
        return {"format": FORMAT, **{name: self._plain(getattr(self, name)) for name in parts}}

    def digest(self, *parts: str) -> str:
        """The digest of all declarations, or of the named parts, such as `digest("data", "model")`."""
        everything = self.to_json()
        return digest({name: everything[name] for name in parts} if parts else everything)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Path):
            return self.shown(value)
        if hasattr(value, "__dataclass_fields__"):
            return {name: self._plain(getattr(value, name)) for name in value.__dataclass_fields__}
        if isinstance(value, Mapping):
            return {str(key): self._plain(inner) for key, inner in value.items()}
        if isinstance(value, tuple | list):
            return [self._plain(inner) for inner in value]
        return value


def load_project(path: Path) -> Project:
    """Read gonogo.yaml (or the one in a folder). Raises ProjectFileError with line, column and, for unknown keys, a did-you-mean."""
    file = path / "gonogo.yaml" if path.is_dir() else path
    source = load_yaml(file)
    check_shape(source, project_schema())
    return _Reader(source, file).project()


def duration(value: float | str) -> float:
    """Seconds from a number of seconds or a text such as "30 d", "12 h", "5 min", "10 s". Expects what the schema allows."""
    if not isinstance(value, str):
        return float(value)
    digits = value.rstrip("abcdefghijklmnopqrstuvwxyz ")
    return float(digits) * _SECONDS[value[len(digits) :].strip()]


def share(value: float | str) -> float:
    """A share from a number or a text such as "95%"."""
    return float(value.rstrip("% ")) / 100 if isinstance(value, str) else float(value)


def read_override(entry: Mapping[str, Any]) -> ItemOverride:
    """What a project, or a pack that extends another, says about one item. Expects what the schema allows."""
    require = entry.get("require")
    return ItemOverride(
        require=None if require is None else (require,) if isinstance(require, str) else tuple(require),
        confidence=share(entry["confidence"]) if "confidence" in entry else None,
        max_age=duration(entry["max_age"]) if "max_age" in entry else None,
        options=dict(entry.get("options", {})),
        applies=entry.get("applies"),
        reason=entry.get("reason", ""),
    )


class _Reader:
    """From data of the right shape to records."""

    def __init__(self, source: YamlSource, file: Path) -> None:
        self.source = source
        self.data: dict[str, Any] = source.data
        self.file = file
        self.root = file.resolve().parent
        self.store = self.root / self.data.get("store", ".gonogo")

    def project(self) -> Project:
        model = self.model()
        return Project(
            root=self.root,
            file=self.file,
            system=self.data["system"],
            pack=self.data.get("pack", "starter"),
            model=model,
            data=self.tables(),
            documents={name: self.root / value for name, value in self.data.get("documents", {}).items()},
            code=self.code(),
            files={name: self.root / value for name, value in self.data.get("files", {}).items()},
            people={role: self.persons(role, entry) for role, entry in self.data.get("people", {}).items()},
            author=self.author(),
            policy=PolicyDeclaration(**self.data.get("policy", {})),
            rollout=self.rollout(),
            monitor=self.monitor(),
            retrain=self.retrain(),
            certify=self.certify(),
            candidates=self.candidates(),
            prediction_log=PredictionLogDeclaration(**self.data["prediction_log"]) if "prediction_log" in self.data else None,
            items={item: self.override(item, entry) for item, entry in self.data.get("items", {}).items()},
            environment=self.path(self.data, "environment"),
            isolation=self.data.get("isolation", "required"),
            accelerator=self.data.get("accelerator", "none"),
            store=self.store,
            run_record=self.run_record(model.path),
            source=self.source,
        )

    def persons(self, role: str, entry: Mapping[str, str] | list[Mapping[str, str]]) -> tuple[Person, ...]:
        entries = entry if isinstance(entry, list) else [entry]
        found = tuple(Person(one["name"], self.root / one["key"]) for one in entries)
        for index, person in enumerate(found):
            if any(other.name == person.name or other.key == person.key for other in found[:index]):
                raise self.error(("people", role, index), f"{person.name} or their key stands twice under {role}.", "Remove one.")
        return found

    def author(self) -> Author | None:
        section = self.data.get("author")
        return Author(section["name"], self.path(section, "key")) if section else None

    def path(self, section: Mapping[str, Any], key: str) -> Path | None:
        return self.root / section[key] if key in section else None

    def model(self) -> ModelDeclaration:
        section = self.data["model"]
        features = section.get("features")
        positive = section.get("positive")
        names = [item["name"] for item in section.get("inputs", ())]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise self.error(("model", "inputs", index), f"two inputs are called {name!r}.", "Give each input a name of its own.")
        for index, item in enumerate(section.get("inputs", ())):
            if ("width" in item) == ("shape" in item):
                problem = (
                    f"the input {item['name']!r} has {'both a width and a shape' if 'width' in item else 'neither a width nor a shape'}."
                )
                raise self.error(("model", "inputs", index), problem, "A matrix has `width: 30`, a tensor `shape: [105, 11]`.")
        for key in ("positive", "threshold"):
            if key in section and section["task"] != "binary-classification":
                raise self.error(("model", key), f"model.{key} is for binary tasks only.", "Remove it.")
        return ModelDeclaration(
            path=self.root / section["path"],
            task=section["task"],
            features=tuple(features) if features else None,
            positive=None if positive is None else str(positive),
            threshold=float(section.get("threshold", 0.5)),
            reference=self.path(section, "reference"),
            options={key: section[key] for key in ("inputs", "output", "also", "device", "trusted", "callable") if key in section},
            pipeline=self.path(section, "pipeline"),
            explainer=section.get("explainer"),
            tensors={name: self.tensor(name, entry) for name, entry in section.get("tensors", {}).items()},
        )

    def tensor(self, name: str, entry: Mapping[str, Any]) -> DeclaredTensor:
        """What is declared of one tensor; what contradicts itself is refused here, what contradicts the model when that is looked at."""
        place = ("model", "tensors", name)
        said = DeclaredTensor(
            shape=tuple(entry.get("shape", ())),
            axis=entry.get("axis"),
            channels=tuple(entry.get("channels", ())),
            summaries=tuple(entry.get("summaries", DeclaredTensor.summaries)),
        )
        if (said.axis is None) != (not said.channels):
            raise self.error(
                place, f"the tensor {name!r} has {'no axis' if said.axis is None else 'no channels'}.", "Name both, or neither."
            )
        if said.shape:
            try:
                Tensor(said.shape, said.axis, said.channels, said.summaries)
            except ValueError as error:
                raise self.error(place, f"{error}.", "There is one name for each channel, and `axis` counts from 0.") from error
        return said

    def tables(self) -> DataDeclaration:
        section = self.data["data"]
        target, ignore = section["target"], tuple(section.get("ignore", ()))
        model = self.data["model"]
        features: dict[str, tuple[str, ...]] = dict.fromkeys(model.get("features", ()), ("model", "features"))
        features |= {name: ("model", "tensors", name) for name in model.get("tensors", ())}
        if target in ignore:
            raise self.error(("data", "ignore"), f"the target {target!r} cannot be ignored.", "Remove it from data.ignore.")
        for name, place in features.items():
            if name == target:
                raise self.error(place, f"the target {name!r} cannot be a feature.", f"Remove it from {'.'.join(place[:2])}.")
            if name in ignore:
                raise self.error(("data", "ignore"), f"{name!r} is a feature and ignored at once.", "Remove it from one of them.")
        return DataDeclaration(
            test=self.root / section["test"],
            target=target,
            train=self.path(section, "train"),
            validation=self.path(section, "validation"),
            time=section.get("time"),
            ignore=ignore,
            group=section.get("group"),
            embargo=duration(section["embargo"]) if "embargo" in section else None,
        )

    def code(self) -> CodeDeclaration:
        section = self.data.get("code", {})
        paths = tuple(self.root / value for value in section.get("paths", ["."]))
        return CodeDeclaration(paths, *(self.command(section, key) for key in ("tests", "lint", "format", "hooks", "train", "security")))

    def command(self, section: Mapping[str, Any], key: str) -> Command | None:
        return self.words(("code", key), section[key]) if key in section else None

    def words(self, path: Path_, text: str) -> Command:
        name = ".".join(str(part) for part in path)
        try:
            found = tuple(shlex.split(text))
        except ValueError as error:
            raise self.error(path, f"{name} is no command: {error}.", "Close the quotes.") from None
        if not found:
            raise self.error(path, f"{name} is empty.", "Remove it, or write a command.")
        return found

    def rollout(self) -> RolloutDeclaration:
        section = dict(self.data.get("rollout", {}))
        steps = tuple(section.pop("steps", (5, 25, 100)))
        target = section.pop("target", "local")
        found = RolloutDeclaration(target=target, steps=steps, **{key: float(value) for key, value in section.items()})
        if list(steps) != sorted(set(steps)) or steps[-1] != 100:
            raise self.error(("rollout", "steps"), f"steps {list(steps)} must grow and end with 100.", "For example: [5, 25, 100]")
        if found.deadline_seconds <= found.min_seconds:
            raise self.error(
                ("rollout", "deadline_seconds"),
                f"the deadline of a step ({found.deadline_seconds:g} s) must be longer than its shortest time ({found.min_seconds:g} s).",
                "Raise rollout.deadline_seconds.",
            )
        if found.d >= found.margin:
            raise self.error(("rollout", "d"), f"d ({found.d:g}) must be smaller than margin ({found.margin:g}).", "Lower rollout.d.")
        self.known(("rollout", "target"), "targets", target)
        return found

    def monitor(self) -> MonitorDeclaration:
        section = self.data.get("monitor", {})
        channels = read_channels(self.source, ("monitor", "channels"), section.get("channels", ("file",)), self.root)
        changes = {key: section[key] for key in ("rules", "escalation") if key in section}
        labels = self.labels(section["labels"]) if "labels" in section else LabelsDeclaration()
        return MonitorDeclaration(channels, labels, changes, tuple(section.get("reviews", PERIODS)))

    def retrain(self) -> RetrainDeclaration:
        section = self.data.get("retrain", {})
        steps = tuple(self.step(name, entry) for name, entry in section.get("steps", {}).items())
        if section.get("when") and not steps and "train" not in self.data.get("code", {}):
            raise self.error(("retrain", "when"), "nothing is declared that trains.", "Add `code: {train: python train.py}`.")
        given: dict[str, Any] = {key: duration(section[key]) for key in ("every", "at_most_every") if key in section}
        given |= {key: section[key] for key in ("accept", "then") if key in section}
        return RetrainDeclaration(tuple(section.get("when", ())), steps=steps, **given)

    def step(self, name: str, entry: str | Mapping[str, Any]) -> RetrainStep:
        section = {"run": entry} if isinstance(entry, str) else entry
        path = ("retrain", "steps", name)
        words = self.words(path if isinstance(entry, str) else (*path, "run"), section["run"])
        timeout = duration(section["timeout"]) if "timeout" in section else None
        reads = tuple(self.root / value for value in section["reads"]) if "reads" in section else None
        writes = tuple(self.root / value for value in section.get("writes", ()))
        for place in (one.resolve() for one in writes):
            store, file = self.store.resolve(), self.file.resolve()
            if place.is_relative_to(store) or store.is_relative_to(place) or file.is_relative_to(place):
                problem = "the store or gonogo.yaml would be put back with the files of a training."
                raise self.error((*path, "writes"), problem, "Name the files and folders that the step itself leaves.")
        return RetrainStep(name, words, timeout, reads, writes)

    def certify(self) -> CertifyDeclaration:
        section = dict(self.data.get("certify", {}))
        if "seeds" in section:
            section["seeds"] = tuple(section["seeds"])
        if "valid" in section:
            section["valid"] = duration(section["valid"])
        return CertifyDeclaration(**section)

    def candidates(self) -> CandidatesDeclaration:
        section = dict(self.data.get("candidates", {}))
        if section.get("ledger", "").startswith("sqlite:") != ("experiment" in section):
            raise self.error(
                ("candidates",),
                "an MLflow database and the name of an experiment in it go together.",
                "`{ledger: sqlite:///mlruns.db, experiment: forest}`",
            )
        expected: dict[str, dict[str, tuple[float, float]]] = {}
        for name, given in section.pop("expected", {}).items():
            for metric, bounds in given.items():
                if len(bounds) != 2 or bounds[0] > bounds[1]:
                    raise self.error(
                        ("candidates", "expected", name, metric), "an expectation is from and to.", "For example: [0.26, 0.28]"
                    )
                expected.setdefault(name, {})[metric] = (float(bounds[0]), float(bounds[1]))
        return CandidatesDeclaration(**section, expected=expected)

    def labels(self, section: Mapping[str, Any]) -> LabelsDeclaration:
        slices = {name: tuple(str(value) for value in values) for name, values in section.get("slices", {}).items()}
        number = sum(map(len, slices.values()))
        if number > MOST:
            raise self.error(("monitor", "labels", "slices"), f"{number} slices are more than {MOST}.", "Declare those that matter.")
        for name in slices:
            if name in self.data.get("prediction_log", {}).get("redact", {}):
                message = f"{name!r} is redacted in the prediction log, and a slice would keep what it was."
                raise self.error(("monitor", "labels", "slices", name), message, "Take it out of one of the two.")
        if "prediction_log" not in self.data:
            message = "labels are declared to come, and no prediction is kept that one could be of."
            raise self.error(("monitor", "labels"), message, "Add `prediction_log: {}` to gonogo.yaml.")
        mature_after, least = duration(section.get("mature_after", "24 h")), float(section.get("least_coverage", 0.5))
        return LabelsDeclaration(mature_after, least, slices, expected=True)

    def override(self, item: str, entry: Mapping[str, Any]) -> ItemOverride:
        if "applies" in entry and "reason" not in entry:
            raise self.error(("items", item), f"{item}: an answer needs a reason.", "Add `reason: …` beside `applies`.")
        return read_override(entry)

    def run_record(self, model: Path) -> Path | None:
        declared = self.path(self.data, "run_record")
        beside = model.parent / "run.json"
        return declared or (beside if beside.is_file() else None)

    def known(self, path: Path_, kind: str, name: str) -> None:
        """Raise unless the catalogue knows the name; third parties are asked only when it is none of ours."""
        if name in CATALOGUE[kind]:
            return
        import difflib

        every = names(kind)
        if name not in every:
            near = difflib.get_close_matches(name, every, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(every) or 'none'}."
            raise self.error(path, f"no {kind.removesuffix('s')} is called {name!r}.", hint)

    def error(self, path: Path_, message: str, hint: str) -> ProjectFileError:
        return self.source.error(path, message, hint=hint)
