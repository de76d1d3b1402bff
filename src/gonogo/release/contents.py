"""What a bundle's folder holds, opened: the model, its schema, its baseline, its golden requests, its environment.

    bundle.json        what is where; names the system, the model's format and digest, and what its runtime must be told
    model/model.…      the model's bytes as the project declared them; a folder is packed
    schema.json        what it takes and gives
    baseline.json      frozen reference bins and counts
    golden.json        requests with the scores that they must get
    environment.lock   with what it was made and is to be served
    pipeline.json      pre- and post-processing, when the model has any
    run.json           the run record, when there was one

Exactly these files and no other: what is not declared is refused, dot-files too. `docs/formats/bundle.md` is the specification. Bundles
of the format before, which had ONNX models and no options, are read for ever.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.base.names import SYSTEM
from gonogo.base.tree import Tree, read_tree
from gonogo.candidate.run_record import check_run
from gonogo.errors import ModelError, NotFoundError, VerificationError
from gonogo.model.declared import Declared
from gonogo.model.formats import SUFFIXES
from gonogo.model.pipeline import Pipeline
from gonogo.model.runtime import Loaded
from gonogo.model.schema import Schema
from gonogo.model.source import ModelSource, load_model
from gonogo.release.baseline import check_baseline

FORMAT, BEFORE = "gonogo-bundle/2", "gonogo-bundle/1"
MANIFEST, SCHEMA, BASELINE, GOLDEN, ENVIRONMENT, RUN, PIPELINE = (
    "bundle.json", "schema.json", "baseline.json", "golden.json", "environment.lock", "run.json", "pipeline.json",
)  # fmt: skip
ALWAYS = (MANIFEST, SCHEMA, BASELINE, GOLDEN, ENVIRONMENT)
EXPLAINERS = ("shapley",)
SOMETIMES = {"run": RUN, "pipeline": PIPELINE}  #: by their names in bundle.json


@dataclass(frozen=True)
class Bundle:
    """One content-addressed tree that would ship. `digest` is the root digest of everything below `root`; made by `open` alone."""

    root: Path
    digest: str
    tree: Tree
    manifest: Mapping[str, Any]
    schema: Schema
    baseline: Mapping[str, Any]
    golden: Mapping[str, Any]

    @classmethod
    def open(cls, root: Path, expected: str | None = None) -> Bundle:
        """Hash and read a bundle's folder. Raises VerificationError when it is not a whole bundle, or not the `expected` digest's."""
        if not root.is_dir():
            raise NotFoundError(f"there is no bundle at {root}.", hint="Run `gonogo check` to build it.")
        tree = read_tree(root)
        if expected is not None and tree.root_digest != expected:
            raise VerificationError(f"{root} holds {tree.root_digest}, not {expected}.")
        paths = {file.path: file.sha256 for file in tree.files}
        about = _document(MANIFEST, tree.read(root, MANIFEST)) if MANIFEST in paths else {}
        model = _model_path(about)
        wrong = [f"missing: {path}" for path in (*ALWAYS, model) if path not in paths]
        wrong += [f"not declared: {path}" for path in sorted(paths.keys() - {*ALWAYS, model, *SOMETIMES.values()})]
        if wrong:
            raise VerificationError(f"{root.name} is not a bundle: {'; '.join(wrong)}.")
        documents = {path: _document(path, tree.read(root, path)) for path in (SCHEMA, BASELINE, GOLDEN)}
        _check_manifest(about, paths[model], paths, root.name)
        try:
            schema = Schema.from_json(documents[SCHEMA])
            if RUN in paths:
                check_run(parse_json(tree.read(root, RUN)))
        except (ValueError, KeyError, TypeError) as error:
            raise VerificationError(f"{root.name}: the schema or the run record is malformed: {error}.") from error
        try:
            if PIPELINE in paths:
                Pipeline.parse(tree.read(root, PIPELINE))
        except ModelError as error:
            raise VerificationError(f"{root.name}: {error.message}") from error
        try:
            check_baseline(documents[BASELINE])
        except ValueError as error:
            raise VerificationError(f"{root.name}: {BASELINE} cannot be used: {error}.") from error
        if documents[GOLDEN].get("format") != "gonogo-golden/1":
            raise VerificationError(f"{root.name}: {GOLDEN} is not a gonogo-golden/1 document.")
        return cls(root, tree.root_digest, tree, about, schema, documents[BASELINE], documents[GOLDEN])

    @property
    def system(self) -> str:
        return str(self.manifest["system"])

    @property
    def model(self) -> ModelSource:
        """The model's file with its format and options, for the sandbox."""
        about = self.manifest["model"]
        pipeline = self.root / PIPELINE if "pipeline" in self.manifest["files"] else None
        return ModelSource(self.root / about["path"], about["format"], about.get("options", {}), pipeline)

    @property
    def model_digest(self) -> str:
        """`sha256:<hex>` of the model's bytes."""
        return "sha256:" + str(self.manifest["model"]["sha256"])

    @property
    def environment(self) -> str:
        """The text of the environment lock. Raises OSError when the folder has been removed since."""
        return self.tree.read(self.root, ENVIRONMENT).decode()

    @property
    def run_record(self) -> Mapping[str, Any] | None:
        there = any(file.path == RUN for file in self.tree.files)
        return dict(parse_json(self.tree.read(self.root, RUN))) if there else None

    def model_bytes(self) -> bytes:
        """The model's bytes, hashed after they were read: what is loaded is what was verified, whatever became of the file since."""
        return self.tree.read(self.root, self.manifest["model"]["path"])

    def load(self) -> Loaded:
        """The model behind its pipeline, loaded into this process. Raises VerificationError, ModelError."""
        model = self.model
        pipeline = None if model.pipeline is None else self.tree.read(self.root, PIPELINE)
        return load_model(model.format, self.model_bytes(), model.options, pipeline)


def manifest(system: str, model: Mapping[str, Any], paths: Container[str] = (), *, written: str = FORMAT) -> dict[str, Any]:
    """The content of bundle.json: no times, no machine, no absolute path, so that the same inputs give the same bundle.

    `model` has path, format, sha256 and options, and explainer when there is one; of `paths`, the files of the bundle, those count that not
    every bundle has.
    """
    files = {"schema": SCHEMA, "baseline": BASELINE, "golden": GOLDEN, "environment": ENVIRONMENT}
    files |= {name: path for name, path in SOMETIMES.items() if path in paths}
    return {"format": written, "system": system, "model": dict(model), "files": files}


def model_paths(kind: str) -> tuple[str, ...]:
    """Where the model of a format may lie in a bundle; () for an unknown format."""
    return tuple(f"model/model.{suffix}" for suffix in SUFFIXES.get(kind, ()))


def _model_path(about: Mapping[str, Any]) -> str:
    """Where bundle.json says that the model is, when a model of that format may be there; else where it would be."""
    model = about.get("model")
    allowed = model_paths(str(model.get("format"))) if isinstance(model, dict) else ()
    return str(model["path"]) if isinstance(model, dict) and model.get("path") in allowed else (*allowed, "model/model.onnx")[0]


def _check_manifest(found: Mapping[str, Any], model_sha256: str, paths: Container[str], where: str) -> None:
    system = found.get("system")
    if not isinstance(system, str) or not SYSTEM.fullmatch(system):
        raise VerificationError(f"{where}: bundle.json names no system.")
    model, written = found.get("model"), found.get("format")
    kind = str(model.get("format")) if isinstance(model, dict) else ""
    said: dict[str, Any] = {"path": _model_path(found), "format": kind, "sha256": model_sha256}
    if written == FORMAT and isinstance(model, dict):
        said["options"] = _checked_options(model.get("options"), where)
        if model.get("explainer") in EXPLAINERS:
            said["explainer"] = model["explainer"]
    known = kind in SUFFIXES if written == FORMAT else (written, kind) == (BEFORE, "onnx") and PIPELINE not in paths
    if not known or found != manifest(system, said, paths, written=str(written)):
        raise VerificationError(f"{where}: bundle.json does not say what the bundle holds.")


def _checked_options(options: Any, where: str) -> dict[str, Any]:
    try:
        if isinstance(options, dict):
            Declared.read(options)
            return options
    except ModelError as error:
        raise VerificationError(f"{where}: bundle.json: {error.message}") from error
    raise VerificationError(f"{where}: bundle.json does not say what the model's runtime is told.")


def _document(path: str, data: bytes) -> dict[str, Any]:
    try:
        value = parse_json(data)
        if isinstance(value, dict) and canonical_bytes(value) == data:
            return value
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"{path} is not JSON: {error}.") from error
    raise VerificationError(f"{path} is not one object in canonical form.")
