"""The sandbox: a stranger's model is run in a child process that can do nothing but compute.

    sandbox = Sandbox(seconds=300, memory_mib=4096)
    result = sandbox.run("predict", ModelSource(Path("model.onnx")), {"x": batch}, {})
    result.arrays["probabilities"], result.isolation

The parent never loads the model. Every way in which a child can fail has its own words: it hung, it crashed (which signal), it ran out of
memory, it ended without a result, its result is garbage. None of them is a result.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.base.canonical import parse_json
from gonogo.base.files import storage
from gonogo.errors import ChildError, DataError, IsolationError, MissingExtraError, ModelError, UsageError
from gonogo.model.formats import sniff
from gonogo.model.parcel import open_plain, read_returned, write_arrays
from gonogo.model.predict import Scored, score_matrix
from gonogo.model.runtime import Array, Inspection
from gonogo.model.schema import GraphInput, Schema
from gonogo.model.source import ModelSource
from gonogo.model.weights import Weights

MOST_RESULT = 16 << 20  #: bytes of result.json
SMALLEST_MEMORY = 512.0  #: MiB; Python with NumPy and a runtime does not start in less
COMMAND: tuple[str, ...] = (sys.executable, "-I", "-m", "gonogo.model.child")


@dataclass(frozen=True)
class ChildResult:
    """What came back: float arrays by output name, facts as JSON, and the isolation that was in force."""

    arrays: dict[str, Array]
    facts: dict[str, Any]
    isolation: str


class Sandbox:
    """Runs one task per child. May be used from several threads at once; each run has a scratch folder of its own.

    `seconds` is wall time (and CPU time) for one child, `memory_mib` its address space. `accept_weaker` lets it run where the network
    cannot be cut; the result says so. `command` is the program of the child; its last argument will be the scratch folder.
    """

    def __init__(self, seconds: float, memory_mib: float, accept_weaker: bool = False, *, command: Sequence[str] = COMMAND) -> None:
        self.seconds, self.memory_mib, self.accept_weaker = float(seconds), max(float(memory_mib), SMALLEST_MEMORY), accept_weaker
        self._command = tuple(command)

    def inspect(self, model: ModelSource) -> tuple[Inspection, str]:
        """What the model says about itself, and the isolation in force. Errors as for `run`."""
        result = self.run("inspect", model, None, {})
        return Inspection.from_json(result.facts), result.isolation

    def scores(self, schema: Schema, model: ModelSource, batch: Mapping[str, Array], *, chunk: int | None = None) -> tuple[Array, str]:
        """The scores of a batch, float64 [rows, classes], and the isolation in force. Errors as for `run`.

        `chunk` is the number of rows that are computed together.
        """
        found, isolation = self.scored(replace(schema, also=()), model, batch, chunk=chunk)
        return found.scores, isolation

    def scores_and_faults(self, schema: Schema, model: ModelSource, batch: Mapping[str, Array]) -> tuple[Array, dict[str, int]]:
        """The scores of a batch, and of each output of `schema.also` how many rows have a number that is not finite: what is beside the
        scores may be large, and is looked at where it is computed. Errors as for `run`."""
        names = [schema.score_output, *schema.also]
        result = self.run("predict", model, batch, {"outputs": names, "finite": list(schema.also)})
        rows = len(next(iter(batch.values())))
        if not all(name in result.arrays and len(result.arrays[name]) == rows for name in names):
            raise ChildError(f"the isolated child did not give {', '.join(names)} for each of {rows} rows.")
        faults = {name: int((result.arrays[name] != 1).sum()) for name in schema.also}
        return score_matrix(schema, result.arrays[schema.score_output], rows), faults

    def scored(self, schema: Schema, model: ModelSource, batch: Mapping[str, Array], *, chunk: int | None = None) -> tuple[Scored, str]:
        """As `scores`, with the outputs of `schema.also` as float64 [rows, …], whether they are finite or not."""
        names = [schema.score_output, *schema.also]
        result = self.run("predict", model, batch, {"outputs": names} | ({} if chunk is None else {"chunk": chunk}))
        rows = len(next(iter(batch.values())))
        for name in names:
            if name not in result.arrays:
                raise ChildError(f"the isolated child gave no output {name!r}.")
            if name in schema.also and result.arrays[name].shape[:1] != (rows,):
                raise ModelError(f"output {name!r} has the shape {result.arrays[name].shape}, not numbers for each of {rows} rows.")
        also = {name: result.arrays[name].astype(np.float64) for name in schema.also}
        return Scored(score_matrix(schema, result.arrays[schema.score_output], rows), also), result.isolation

    def weights(self, model: Path) -> tuple[Weights, str]:
        """The tensors of a model file, which is not run, and the isolation in force. Errors as for `run`."""
        result = self.run("weights", ModelSource(model), None, {})
        return Weights.from_json(result.facts), result.isolation

    def torch_output(self, model: Path, inputs: Sequence[GraphInput], batch: Mapping[str, Array]) -> tuple[Array, str]:
        """What a TorchScript or torch.export file gives for a batch, float64 [rows, columns], and the isolation in force.

        It is handed the inputs in their order and shapes. Raises MissingExtraError without PyTorch; else errors as for `run`.
        """
        kind = sniff(model)
        if kind not in ("torchscript", "torch_export"):
            raise ModelError(f"{model} is neither a TorchScript nor a torch.export file.", hint="Save it with torch.jit.save.")
        if importlib.util.find_spec("torch") is None:
            raise MissingExtraError("running a PyTorch file", "torch")
        declared = [
            {"name": item.name, "dtype": item.dtype} | ({"shape": list(item.shape)} if item.shape else {"width": item.width})
            for item in inputs
        ]
        source = ModelSource(model, kind, {"inputs": declared, "output": "output"})
        result = self.run("predict", source, batch, {})
        return result.arrays["output"].astype(np.float64), result.isolation

    def run(self, task: str, model: ModelSource, arrays: Mapping[str, Array] | None, request: Mapping[str, Any]) -> ChildResult:
        """Run one task on one model file in a child of its own.

        Raises ModelError when the model is at fault, ChildError when the child is (hung, crashed, out of memory, no result, garbage),
        IsolationError when the child could not be isolated, StorageError when the scratch folder could not be filled.
        """
        sniff(model.path)  # a missing or empty file needs no child to be told
        if task == "predict" and not (arrays and len(next(iter(arrays.values())))):
            raise DataError("there are no rows to predict.")
        with storage(Path(tempfile.gettempdir()), "make a scratch folder in"):
            scratch = Path(tempfile.mkdtemp(prefix="gonogo-child-"))
        try:
            contents = write_arrays(scratch, arrays or {})
            document = {
                "task": task,
                "model": str(model.path.resolve()),
                "format": model.format,
                "options": dict(model.options),
                "pipeline": None if model.pipeline is None else str(model.pipeline.resolve()),
                "seconds": self.seconds,
                "memory_mib": self.memory_mib,
                "accept_weaker": self.accept_weaker,
                "parent": os.getpid(),
                "arrays": contents,
                "request": dict(request),
            }
            with storage(scratch, "write to"):
                (scratch / "request.json").write_text(json.dumps(document), encoding="utf-8")
            return self._collect(scratch, self._wait(scratch))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _wait(self, scratch: Path) -> int:
        """Run the child to its end. Returns its exit status; raises ChildError when it hangs."""
        environment = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        } | {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        with storage(scratch, "write to"):
            log = open(scratch / "log", "wb")  # noqa: SIM115 - closed below
        try:
            child = subprocess.Popen(
                [*self._command, str(scratch)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=scratch,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise ChildError(f"the isolated child cannot be started: {error.strerror or error} ({self._command[0]}).") from error
        finally:
            log.close()
        try:
            return child.wait(timeout=self.seconds)
        except subprocess.TimeoutExpired:
            raise ChildError(
                f"the isolated child did not end within {self.seconds:g} s and was stopped.",
                hint="If the model really needs longer, set GONOGO_CHILD_SECONDS.",
            ) from None
        finally:
            _end_group(child)

    def _collect(self, scratch: Path, status: int) -> ChildResult:
        if not os.path.lexists(scratch / "result.json"):
            raise self._death(scratch, status)
        try:
            with open_plain(scratch / "result.json") as file:
                data = file.read(MOST_RESULT + 1)
            if len(data) > MOST_RESULT:
                raise ValueError("it is too long")
            result = parse_json(data)
            if not isinstance(result, dict):
                raise ValueError("it is no object")
            if "error" in result:
                fault = {key: str(result["error"][key]) for key in ("kind", "message", "hint")}
            else:
                fault = None
                facts, names, isolation = result["facts"], result["arrays"], result["isolation"]
                if not isinstance(facts, dict) or not isinstance(names, list) or not isinstance(isolation, str) or not isolation:
                    raise ValueError("its parts have the wrong types")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ChildError(f"the isolated child left garbage instead of a result: {error}.") from error
        if fault is not None:
            raise self._fault(fault)
        if status != 0:
            raise self._death(scratch, status)
        return ChildResult(read_returned(scratch, names, most_bytes=int(self.memory_mib * 2**20)), facts, isolation)

    def _fault(self, fault: Mapping[str, str]) -> Exception:
        kind, message, hint = fault["kind"], fault["message"], fault["hint"]
        if kind == "memory":
            return ChildError(
                f"the isolated child ran out of memory ({self.memory_mib:g} MiB).", hint="If the model needs more, set GONOGO_CHILD_MEMORY."
            )
        known = {"ModelError": ModelError, "DataError": DataError, "IsolationError": IsolationError, "MissingExtraError": UsageError}
        return known[kind](message, hint=hint) if kind in known else ChildError(f"the isolated child failed: {message}.", hint=hint)

    def _death(self, scratch: Path, status: int) -> ChildError:
        said = _last_words(scratch)
        if status == -signal.SIGKILL:
            return ChildError("the isolated child was killed, most likely because the machine ran out of memory." + said)
        if status == -signal.SIGXCPU:
            return ChildError(f"the isolated child used more than {self.seconds:g} s of CPU time and was stopped." + said)
        if status < 0:
            return ChildError(f"the isolated child crashed ({_signal_name(-status)})." + said)
        if status == 0:
            return ChildError("the isolated child ended without a result." + said)
        return ChildError(f"the isolated child failed with status {status} and left no result." + said)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started; its session is its own, so nobody else is in the group."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        child.kill()
    child.wait()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_words(scratch: Path) -> str:
    try:
        with open_plain(scratch / "log") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2000))
            lines = file.read(2000).decode("utf-8", "replace").split("\n")
    except (OSError, ValueError):
        return ""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    printable = "".join(letter for letter in last if letter.isprintable())[:300]
    return f" It last said: {printable}" if printable else ""
