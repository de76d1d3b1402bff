"""What a worker serves: a release that verified, or in trial mode a bundle. There is no third way in.

The model is loaded from the bytes that were hashed, never from a path that could change between the two.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from gonogo.errors import VerificationError
from gonogo.model.encode import encode_rows
from gonogo.model.predict import scored
from gonogo.model.runtime import Loaded
from gonogo.model.schema import Schema
from gonogo.service.answering.warm_up import Cost, warm_up


class Beside(NamedTuple):
    """An output beside the scores: the shape of what it has for one row, and whether that is whole numbers."""

    shape: tuple[int, ...]
    whole: bool


@dataclass(frozen=True)
class Served:
    """A model in memory and what it is. `release` is "system@version" ("system@trial" for a bundle), `digest` the bundle's root."""

    release: str
    digest: str
    schema: Schema
    loaded: Loaded
    baseline: Mapping[str, Any]
    info: Mapping[str, Any]  #: what `/model_info` tells beyond the schema
    golden: Mapping[str, Any] = field(default_factory=dict)  #: requests whose scores are known
    cost: Cost = field(default_factory=Cost)  #: of a call, as measured
    also: Mapping[str, Beside] = field(default_factory=dict)  #: what is answered beside the scores


def load_release(folder: Path, key: Path) -> Served:
    """Verify a sealed release with the public key and load it. Raises VerificationError, KeyFileError, ModelError."""
    from gonogo.release.verify import verify
    from gonogo.trust.keys import PublicKey

    verified = verify(folder, PublicKey.load(key))
    return served_bundle(f"{verified.system}@{verified.version}", verified.bundle, {"version": str(verified.version)})


def load_bundle(bundle: Any) -> Served:
    """Load a bundle for a trial. Raises VerificationError, ModelError."""
    return served_bundle(f"{bundle.system}@trial", bundle, {"version": "trial"})


def served_bundle(release: str, bundle: Any, info: Mapping[str, Any]) -> Served:
    """Load a bundle's model under a name. Only for callers that know why they trust the bundle. Raises VerificationError, ModelError."""
    loaded: Loaded = bundle.load()
    schema: Schema = bundle.schema
    if not _describes(schema, loaded):
        raise VerificationError(f"{release}: the schema does not describe the model's graph.")
    cost = warm_up(release, schema, loaded, bundle.golden)
    about = {**_about(bundle, loaded), **info}
    return Served(
        release, bundle.digest, schema, loaded, bundle.baseline, about, bundle.golden, cost, _beside(schema, loaded, bundle.golden)
    )


def _describes(schema: Schema, loaded: Loaded) -> bool:
    """Whether the model takes and gives what its schema says."""
    given = {item.name: item for item in loaded.inputs}
    if given.keys() != {item.name for item in schema.inputs}:
        return False
    for item in schema.inputs:
        own = given[item.name]
        sizes = zip(own.shape, item.shape, strict=False)
        if own.dtype != item.dtype or len(own.shape) != len(item.shape) or any(fixed not in (0, size) for fixed, size in sizes):
            return False
    return {schema.score_output, *schema.also} <= {item.name for item in loaded.outputs}


def _beside(schema: Schema, loaded: Loaded, golden: Mapping[str, Any]) -> dict[str, Beside]:
    if not schema.also:
        return {}
    also = scored(schema, loaded, encode_rows(schema, golden["requests"][0]["rows"])).also
    return {name: Beside(values.shape[1:], values.dtype.kind == "i") for name, values in also.items()}


def _about(bundle: Any, loaded: Loaded) -> dict[str, Any]:
    """Where the model comes from and where it computes. `trained` is when its run ended, as the run record says; None without one."""
    model, run = bundle.manifest["model"], bundle.run_record or {}
    return {
        "system": bundle.system,
        "model_format": str(model["format"]),
        "model_digest": bundle.model_digest,
        "explainer": model.get("explainer"),
        "trained": run.get("finished"),
        "framework": run.get("framework"),
        "device": loaded.device,
        "python": platform.python_version(),
        "gonogo": metadata.version("gonogo"),
    }
