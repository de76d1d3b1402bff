"""The project's own benchmark is believed in what it measured, of this model, and in nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gonogo.base.tree import file_digest
from gonogo.errors import DataError
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement

MEASURED = {"batch": 16, "passes": 100, "cpu_ms": 15.0}


def benchmark(folder: Path, file: Path, **more: Any) -> Measurement:
    path = folder / "benchmark.json"
    path.write_text(json.dumps({"model": file_digest(file), **MEASURED, **more}))
    return measure("benchmark", files={"benchmark": path}, model_file=file)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    return tmp_path / "model.onnx"


def test_the_speed_up_is_computed_here_whatever_the_file_says(tmp_path: Path, model: Path) -> None:
    facts = benchmark(tmp_path, model, cuda_ms=0.5, speedup=999).facts
    assert {name: fact.value for name, fact in facts.items()} == {
        "of_this_model": True, "batch": 16, "passes": 100, "cpu_ms": 15.0, "cuda_ms": 0.5, "speedup": 30.0, "cuda_skipped": "",
    }  # fmt: skip
    assert facts["cpu_ms"].unit == facts["cuda_ms"].unit == "ms"


def test_without_a_device_there_is_a_reason_and_no_fact_of_one(tmp_path: Path, model: Path) -> None:
    facts = benchmark(tmp_path, model, cuda_skipped="no CUDA here").facts
    assert facts["cuda_skipped"].value == "no CUDA here"
    assert not {"cuda_ms", "speedup"} & facts.keys()


def test_the_benchmark_of_another_model_is_said_to_be_one(tmp_path: Path, model: Path) -> None:
    found = benchmark(tmp_path, model, model="sha256:" + "0" * 64, cuda_skipped="none")
    assert found.facts["of_this_model"].value is False
    assert found.findings == ("it measured another model",)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"cuda_ms": 0.5, "cuda_skipped": "none"},
        {"cuda_ms": 0},
        {"cuda_ms": "fast"},
        {"cuda_skipped": 7},
        {"cpu_ms": None, "cuda_skipped": "none"},
        {"cpu_ms": -1.0, "cuda_skipped": "none"},
        {"batch": True, "cuda_skipped": "none"},
        {"passes": 0, "cuda_skipped": "none"},
    ],
)
def test_a_file_that_lacks_a_time_or_the_reason_is_an_error(tmp_path: Path, model: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        benchmark(tmp_path, model, **wrong)


def test_a_list_is_no_benchmark(tmp_path: Path, model: Path) -> None:
    (tmp_path / "b.json").write_text("[1]")
    with pytest.raises(DataError):
        measure("benchmark", files={"benchmark": tmp_path / "b.json"}, model_file=model)
