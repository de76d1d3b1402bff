"""A version number follows from what changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from gonogo.base.names import Version
from gonogo.errors import UsageError
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.release.environment import make_environment, runtime_packages
from gonogo.release.version import next_version

SCHEMA = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 2),),
    (Feature("a", "float", False, "x", 0), Feature("b", "float", True, "x", 1)),
    ("0", "1"),
    "p",
)


@dataclass(frozen=True)
class Shipped:
    schema: Schema = SCHEMA
    model_digest: str = "sha256:1"


@dataclass(frozen=True)
class Released:
    version: Version
    bundle: Shipped


def test_the_first_release_is_1_0_0() -> None:
    assert next_version(None, Shipped()) == Version(1, 0, 0)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (Shipped(), "1.2.4"),
        (Shipped(replace(SCHEMA, score_output="probabilities")), "1.2.4"),
        (Shipped(model_digest="sha256:2"), "1.3.0"),
        (Shipped(replace(SCHEMA, threshold=0.4)), "1.3.0"),
        (Shipped(replace(SCHEMA, features=(replace(SCHEMA.features[0], nullable=True), SCHEMA.features[1]))), "1.3.0"),
        (Shipped(replace(SCHEMA, features=(SCHEMA.features[0], replace(SCHEMA.features[1], nullable=False)))), "2.0.0"),
        (Shipped(replace(SCHEMA, classes=("1", "0"))), "2.0.0"),
        (Shipped(replace(SCHEMA, features=SCHEMA.features[:1])), "2.0.0"),
        (Shipped(replace(SCHEMA, features=(replace(SCHEMA.features[0], type="int"), SCHEMA.features[1]))), "2.0.0"),
    ],
    ids=[
        "documents only",
        "a new calibrator",
        "other weights",
        "threshold",
        "accepts more",
        "accepts less",
        "other classes",
        "feature gone",
        "other type",
    ],
)
def test_the_number_says_what_changed(now: Shipped, expected: str) -> None:
    assert str(next_version(Released(Version(1, 2, 3), Shipped()), now)) == expected


def test_the_environment_names_every_runtime_package_exactly() -> None:
    packages = runtime_packages()
    assert {"gonogo", "numpy", "onnxruntime", "cryptography"} <= packages.keys()
    assert not {"scikit-learn", "pytest", "onnx"} & packages.keys()
    assert f"numpy=={packages['numpy']}\n" in make_environment(None)


def test_a_package_that_is_not_installed_is_an_error() -> None:
    with pytest.raises(UsageError, match="not installed"):
        runtime_packages(root="no-such-distribution")


def test_the_runtime_of_a_model_adds_its_own_packages_and_no_others() -> None:
    more = runtime_packages("lightgbm").keys() - runtime_packages().keys()
    assert {"lightgbm", "scipy"} <= more
    assert not {"xgboost-cpu", "pytest"} & more
