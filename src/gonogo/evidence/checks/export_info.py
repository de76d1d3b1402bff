"""Is the exported file what an export should be?"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.errors import ModelError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import SandboxPort
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.formats import sniff
from gonogo.model.onnx_wire import FileBytes, opset
from gonogo.model.source import ModelSource
from gonogo.model.weights import width

UNNAMED = re.compile(r"\d+|(?:input|output|x|y)[._]\d+|.*(?:::|/).*|")  #: what exporters write when nobody gave a name


class ExportInfo(Check):
    """Is the ONNX file whole, with named inputs and outputs, and about as large as its weights?

    The expected size is computed: every tensor and every number inside the graph at the width of its type. A file that is twice as large
    holds something else, or was saved in double precision. An export is valid when it can be opened: ONNX by ONNX Runtime, TorchScript
    (files.torchscript) and torch.export (files.torch_export) by reading their archives.
    """

    name = "export_info"
    facts: ClassVar = {
        "opset": "version of the operators, of the standard domain",
        "named_inputs": "whether every input has a name that somebody gave it",
        "named_outputs": "whether every output has",
        "checker_ok": "whether the file is a whole ONNX graph that ONNX Runtime loads",
        "bytes": "size of the file",
        "expected_bytes": "what its tensors need",
        "size_ratio": "the first divided by the second",
        "formats": "valid exports of the model",
    }

    def measure(self, model_file: Path, sandbox: SandboxPort, files: Mapping[str, Path] | None = None) -> Measurement:
        others, notes = _others(files or {}, sandbox)
        size = 0 if model_file.is_dir() else model_file.stat().st_size
        try:
            if sniff(model_file) != "onnx":
                raise ModelError(f"{model_file.name} is no ONNX file.")
            inspection, isolation = sandbox.inspect(ModelSource(model_file))
        except ModelError as error:
            broken = {"checker_ok": Fact(False), "bytes": Fact(size), "formats": Fact(others)}
            return Measurement(broken, (f"{error.message} Export it again.", *notes))
        with FileBytes(model_file) as data:
            version = opset(data)
        weights, _ = sandbox.weights(model_file)
        expected = sum(tensor.elements * width(tensor.dtype) for tensor in weights.tensors)
        unnamed = {
            side: [part.name for part in parts if UNNAMED.fullmatch(part.name)]
            for side, parts in (("input", inspection.inputs), ("output", inspection.outputs))
        }
        facts = {
            "opset": Fact(version),
            "named_inputs": Fact(not unnamed["input"]),
            "named_outputs": Fact(not unnamed["output"]),
            "checker_ok": Fact(True),
            "bytes": Fact(size),
            "expected_bytes": Fact(expected),
            "formats": Fact(1 + others),
        }
        if expected:
            facts["size_ratio"] = Fact(size / expected)
        return Measurement(
            facts,
            (*(f"the {side} {name!r} has no name that says something" for side, names in unnamed.items() for name in names), *notes),
            isolation=isolation,
        )


def _others(files: Mapping[str, Path], sandbox: SandboxPort) -> tuple[int, list[str]]:
    """How many exports for PyTorch there are, and what is wrong with those that are none."""
    valid, notes = 0, []
    if "torchscript" in files:
        try:
            valid += bool(sandbox.weights(files["torchscript"])[0].format in ("torch", "torchscript"))
        except ModelError as error:
            notes.append(f"torchscript: {error.message}")
    if "torch_export" in files:
        path = files["torch_export"]
        try:
            sniff(path)
            with zipfile.ZipFile(path) as archive:
                whole = archive.testzip() is None and any(name.endswith("/archive_format") for name in archive.namelist())
        except (ModelError, zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
            whole = False
            notes.append(f"torch_export: {error}")
        valid += whole
    return valid, notes
