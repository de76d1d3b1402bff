"""The check `doctor` and the parts of the diagnosis, on this very machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from gonogo.errors import UsageError
from gonogo.evidence.diagnosis import accelerator, configuration_errors, package_troubles, python_is
from gonogo.evidence.memory import measure
from gonogo.model.sandbox import Sandbox
from gonogo.model.source import ModelSource


@pytest.fixture
def doctor(tmp_path: Path, project: Callable[..., Any]) -> Callable[..., Any]:
    import sample

    (tmp_path / "model.onnx").write_bytes(sample.model_bytes())
    (tmp_path / "test.csv").write_text("a,y\n1,0\n")

    def run(accelerator: str = "none", train: str | None = None, **options: Any) -> Any:
        inputs: dict[str, Any] = {"model": ModelSource(tmp_path / "model.onnx"), "test_file": tmp_path / "test.csv"}
        if train is not None:
            (tmp_path / "train.csv").write_text(train)
            inputs["train_file"] = tmp_path / "train.csv"
        declared = replace(project(tmp_path), accelerator=accelerator)
        return measure("doctor", options, project=declared, sandbox=Sandbox(60, 4096, accept_weaker=True), **inputs)

    return run


def test_a_machine_that_has_all_that_is_asked_for_is_fit(doctor: Any) -> None:
    found = doctor(packages=["numpy>=1.20", "PyYAML", "onnxruntime"])
    facts = {name: fact.value for name, fact in found.facts.items() if name not in ("python", "versions")}
    assert facts == {
        "python_ok": True, "packages": 3, "missing_packages": 0, "data_present": True, "model_loads": True, "config_errors": 0,
        "accelerator": "not needed", "accelerator_ok": True,
    }  # fmt: skip
    assert found.facts["versions"].value.startswith(f"numpy {version('numpy')}, PyYAML 6")
    assert found.findings == ()
    assert found.isolation


def test_each_thing_that_is_wrong_is_a_fact_and_a_finding(doctor: Any, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model at all")
    found = doctor(train="", packages=["numpy>=99", "no-such-thing-of-gonogo"], python=">=4")
    facts = {name: fact.value for name, fact in found.facts.items()}
    assert (facts["python_ok"], facts["missing_packages"], facts["data_present"], facts["model_loads"]) == (False, 2, False, False)
    said = "\n".join(found.findings)
    for words in ("numpy is 2", "no-such-thing-of-gonogo is not installed", "the train table is empty", "the model cannot be loaded"):
        assert words in said


def test_a_package_is_asked_for_by_its_name_and_version(tmp_path: Path) -> None:
    assert package_troubles(["numpy", "pyyaml>=6", "PyYAML"]) == {}
    assert package_troubles(["pyyaml<1", "numpy"])["pyyaml"].endswith("not <1")
    with pytest.raises(UsageError, match="is no package"):
        package_troubles(["numpy >>> 3"])


def test_python_is_compared_as_versions_are() -> None:
    assert python_is(">=3.9")
    assert not python_is(">=3.100")
    with pytest.raises(UsageError):
        python_is("new")


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"GONOGO_CHECK_SECONDS": "60", "PATH": "x", "GONOGO_ACTOR": "Ana"}, 0),
        ({"GONOGO_CHECK_SECOND": "60"}, 1),
        ({"GONOGO_CHECK_SECONDS": "soon"}, 1),
        ({"GONOGO_CHILD_MEMORY": "-1", "GONOGO_NO_SUCH": ""}, 2),
    ],
)
def test_a_variable_that_is_no_setting_or_has_no_value_is_an_error(given: dict[str, str], errors: int) -> None:
    assert len(configuration_errors(given)) == errors


def test_an_accelerator_is_missed_only_where_it_is_required() -> None:
    assert accelerator("none").ok
    optional, required = accelerator("optional"), accelerator("required")
    assert optional.ok
    assert optional.state == required.state
    assert required.ok == (required.state == "present")
    if not (shutil.which("nvidia-smi") or Path("/dev/nvidia0").exists()):
        assert required.state == "absent"
