"""Does the run record say how the model was made, and does it agree with what is there?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from gonogo.base.clock import parse_stamp
from gonogo.base.tree import file_digest
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.parts import nearest_list

COMMIT = re.compile(r"[0-9a-f]{7,64}")


class Metadata(Check):
    """Does the run record name features, versions, seed and data, and are they those of the model and the files?

    The record is a claim of the training side; what can be compared with bytes is compared. A configuration belongs to the run when it was
    recorded as `data={"config": …}`; it is compared with the declared file `config`. So is every declared file that the record names under
    the same name: a checkpoint, a log, a second export.
    """

    name = "metadata"
    facts: ClassVar = {
        "has_feature_names": "whether the record names the features",
        "features_match": "whether they are the model's, in its order; a tensor by its name or by its channels",
        "has_version": "whether the record names the version of the training code",
        "packages": "packages of which the record keeps the version",
        "has_seed": "whether the record keeps the seed",
        "seed": "the seed, when there is one",
        "has_training_data": "whether the record keeps the digest of the training table",
        "training_data_digest_match": "whether that is the digest of the declared training table",
        "model_digest_match": "whether the record has the digest of the bundled model",
        "has_config": "whether the record keeps the digest of a configuration file",
        "config_digest": "that digest, when there is one",
        "config_digest_match": "whether it is the digest of the declared file `config`; only when one is declared",
        "files_changed": "declared files that the record names and that are not, or no longer, those of the run",
        "has_environment": "whether the record keeps the versions of Python and of the packages",
        "has_hardware": "whether the record says on what machine the training ran",
        "hardware": "that machine, when the record says it",
        "started": "when the training started, when the record says it",
        "finished": "when the record was written",
        "age_days": "days since then",
        "code_commit": "the commit of the training code, when `version` is one",
    }

    def measure(
        self,
        run_record: Mapping[str, Any],
        bundle: BundleView,
        train_file: Path,
        files: Mapping[str, Path] | None = None,
    ) -> Measurement:
        if not isinstance(run_record, Mapping) or not isinstance(run_record.get("data"), Mapping):
            raise DataError("the run record is malformed.", hint="Write it with gonogo.record_run.")
        features = run_record.get("features")
        names = list(features) if isinstance(features, list | tuple) else []
        wanted = nearest_list(bundle.schema, [name for name in names if isinstance(name, str)])
        train, model = _digest(run_record, "train"), _digest(run_record, "model")
        packages = run_record.get("packages")
        count = len(packages) if isinstance(packages, Mapping) else 0
        seed = run_record.get("seed")
        has_seed = isinstance(seed, int) and not isinstance(seed, bool)
        changed = _changed(run_record, files or {})
        facts = {
            "has_feature_names": Fact(bool(names)),
            "features_match": Fact(names == list(wanted)),
            "has_version": Fact(bool(run_record.get("version"))),
            "packages": Fact(count),
            "has_seed": Fact(has_seed),
            "has_training_data": Fact(train != ""),
            "training_data_digest_match": Fact(train == file_digest(train_file)),
            "model_digest_match": Fact(model == file_digest(bundle.model.path)),
            "has_environment": Fact(count > 0 and bool(run_record.get("python"))),
            **({"seed": Fact(int(str(seed)))} if has_seed else {}),
            **_config(run_record, files or {}),
            "files_changed": Fact(len(changed)),
            **_origin(run_record),
            **_times(run_record),
        }
        altered = [f"the file {name} is not the one that the run was recorded with" for name in changed]
        return Measurement(facts, (*_findings(facts, names, wanted), *altered))


def _config(record: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Fact]:
    recorded = _digest(record, "config")
    facts = {"has_config": Fact(recorded != "")} | ({"config_digest": Fact(recorded)} if recorded else {})
    if "config" in files:
        there = files["config"].is_file()
        facts["config_digest_match"] = Fact(there and recorded == file_digest(files["config"]))
    return facts


def _changed(record: Mapping[str, Any], files: Mapping[str, Path]) -> list[str]:
    """The declared files that the record names with other bytes than they have now."""
    recorded = {name: _digest(record, name) for name in files}
    return [name for name, path in files.items() if recorded[name] and not (path.is_file() and file_digest(path) == recorded[name])]


def _origin(record: Mapping[str, Any]) -> dict[str, Fact]:
    """Which code, on which machine."""
    hardware, version = str(record.get("hardware") or ""), str(record.get("version") or "")
    facts = {"has_hardware": Fact(hardware != "")} | ({"hardware": Fact(hardware)} if hardware else {})
    if COMMIT.fullmatch(version):
        facts["code_commit"] = Fact(version)
    return facts


def _times(record: Mapping[str, Any]) -> dict[str, Fact]:
    """When it was; nothing about a time that the record does not give. Raises DataError for a time that is none, or is to come."""
    facts: dict[str, Fact] = {}
    for name in ("started", "finished"):
        text = str(record.get(name) or "")
        if text:
            try:
                age = (datetime.now(UTC) - parse_stamp(text)).total_seconds() / 86400
            except ValueError as error:
                raise DataError(f"the run record has no usable time {name!r}: {error}.") from error
            if age < 0:
                raise DataError(f"the run record says that the training {name} in the future: {text}.", hint="Mend the clock, train again.")
            facts |= {name: Fact(text)} | ({"age_days": Fact(round(age, 3))} if name == "finished" else {})
    return facts


def _digest(record: Mapping[str, Any], name: str) -> str:
    entry = record["data"].get(name)
    return str(entry.get("digest", "")) if isinstance(entry, Mapping) else ""


def _findings(facts: Mapping[str, Fact], names: list[str], features: tuple[str, ...]) -> list[str]:
    said = []
    if names and not facts["features_match"].value:
        apart = sorted(set(names) ^ set(features))
        said.append(f"features differ: {', '.join(apart[:10])}" if apart else "the features are in another order")
    if facts["has_training_data"].value and not facts["training_data_digest_match"].value:
        said.append("the training table is not the one that the run was recorded with")
    if not facts["model_digest_match"].value:
        said.append("the record does not speak of this model file")
    if "config_digest_match" in facts and not facts["config_digest_match"].value:
        said.append("the declared configuration is not the one that the run was recorded with")
    return said
