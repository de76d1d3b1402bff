"""Does the run record say how the model was made, and does it agree with what is there?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from gonogo.base.tree import file_digest
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView
from gonogo.evidence.record import Fact, Measurement


class Metadata(Check):
    """Does the run record name features, versions, seed and data, and are they those of the model and the files?

    The record is a claim of the training side; what can be compared with bytes is compared.
    """

    name = "metadata"
    facts: ClassVar = {
        "has_feature_names": "whether the record names the features",
        "features_match": "whether they are the model's, in its order",
        "has_version": "whether the record names the version of the training code",
        "packages": "packages of which the record keeps the version",
        "has_seed": "whether the record keeps the seed",
        "seed": "the seed, when there is one",
        "has_training_data": "whether the record keeps the digest of the training table",
        "training_data_digest_match": "whether that is the digest of the declared training table",
        "model_digest_match": "whether the record has the digest of the bundled model",
    }

    def measure(self, run_record: Mapping[str, Any], bundle: BundleView, train_file: Path) -> Measurement:
        if not isinstance(run_record, Mapping) or not isinstance(run_record.get("data"), Mapping):
            raise DataError("the run record is malformed.", hint="Write it with gonogo.record_run.")
        features = run_record.get("features")
        names = list(features) if isinstance(features, list | tuple) else []
        train, model = _digest(run_record, "train"), _digest(run_record, "model")
        seed = run_record.get("seed")
        has_seed = isinstance(seed, int) and not isinstance(seed, bool)
        packages = run_record.get("packages")
        facts = {
            "has_feature_names": Fact(bool(names)),
            "features_match": Fact(names == list(bundle.schema.feature_names)),
            "has_version": Fact(bool(run_record.get("version"))),
            "packages": Fact(len(packages) if isinstance(packages, Mapping) else 0),
            "has_seed": Fact(has_seed),
            "has_training_data": Fact(train != ""),
            "training_data_digest_match": Fact(train == file_digest(train_file)),
            "model_digest_match": Fact(model == file_digest(bundle.model_path)),
        }
        if has_seed:
            facts["seed"] = Fact(int(str(seed)))
        return Measurement(facts, tuple(_findings(facts, names, bundle.schema.feature_names)))


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
    return said
