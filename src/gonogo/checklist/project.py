"""gonogo.yaml as a record: what a model project declares about itself.

Rules: the file has the shape of the schemas in `declarations/`, and what a schema cannot say is checked there, too; every error has file,
line and column. Paths are absolute in the record (relative ones start at the file's folder) and relative again when shown or digested, so
that a project has the same digest on every machine. Nothing but the file itself is read.

    project = load_project(Path("gonogo.yaml"))
    project.data.test                           # an absolute path
    project.shown(project.data.test)            # "data/test.parquet"
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gonogo.base.canonical import digest
from gonogo.base.yaml_source import YamlSource, load_yaml
from gonogo.checklist.declarations.candidates import CandidatesDeclaration, read_candidates
from gonogo.checklist.declarations.certify import CertifyDeclaration, read_certify
from gonogo.checklist.declarations.code import CodeDeclaration, read_code
from gonogo.checklist.declarations.data import DataDeclaration, read_data
from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.declarations.model import ModelDeclaration, read_model
from gonogo.checklist.declarations.monitor import MonitorDeclaration, read_monitor
from gonogo.checklist.declarations.overrides import ItemOverride, read_overrides
from gonogo.checklist.declarations.people import Author, Person, read_author, read_people
from gonogo.checklist.declarations.policy import PolicyDeclaration, read_policy
from gonogo.checklist.declarations.prediction_log import PredictionLogDeclaration, read_prediction_log
from gonogo.checklist.declarations.retrain import RetrainDeclaration, read_retrain
from gonogo.checklist.declarations.rollout import RolloutDeclaration, read_rollout
from gonogo.checklist.project_schema import project_schema
from gonogo.checklist.shape import check_shape

FORMAT = "gonogo-project/1"


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
    where = path / "gonogo.yaml" if path.is_dir() else path
    source = load_yaml(where)
    check_shape(source, project_schema())
    file = ProjectFile(source, where)
    data, model = file.data, read_model(file)
    return Project(
        root=file.root,
        file=where,
        system=data["system"],
        pack=data.get("pack", "starter"),
        model=model,
        data=read_data(file),
        documents={name: file.root / value for name, value in file.section("documents").items()},
        code=read_code(file),
        files={name: file.root / value for name, value in file.section("files").items()},
        people=read_people(file),
        author=read_author(file),
        policy=read_policy(file),
        rollout=read_rollout(file),
        monitor=read_monitor(file),
        retrain=read_retrain(file),
        certify=read_certify(file),
        candidates=read_candidates(file),
        prediction_log=read_prediction_log(file),
        items=read_overrides(file),
        environment=file.path(data, "environment"),
        isolation=data.get("isolation", "required"),
        accelerator=data.get("accelerator", "none"),
        store=file.store,
        run_record=file.path(data, "run_record") or _beside(model.path),
        source=source,
    )


def _beside(model: Path) -> Path | None:
    """The run record beside the model, where there is one."""
    record = model.parent / "run.json"
    return record if record.is_file() else None
