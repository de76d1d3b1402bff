"""A small real project, its bundle, and everything that a release of it needs: real keys, a real verdict, real sign-offs.

For tests of several rooms, and for the child processes that get killed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from gonogo.base.canonical import canonical_bytes, digest
from gonogo.base.names import Version
from gonogo.checklist.items import Checklist, Item
from gonogo.checklist.project import Project, load_project
from gonogo.evidence.record import Evidence, Fact
from gonogo.model.sandbox import Sandbox
from gonogo.release.bundle import Bundle, build_bundle
from gonogo.release.seal import seal
from gonogo.release.verify import VerifiedRelease
from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.approval import Approval, approve
from gonogo.verdict.judge import judge
from gonogo.verdict.outcome import Verdict
from gonogo.verdict.policy import Policy, demands, sign_policy
from gonogo.verdict.sign_off import People, SignOff, sign_off

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TIME = "2026-01-02T03:00:00.000Z"
YAML = """
system: small
pack: starter
model: {path: model.onnx, task: binary-classification}
data: {train: train.csv, test: test.csv, target: late}
"""


def model_bytes(weight: float = 1.5, *, broken: bool = False, output: int = 2) -> bytes:
    """p rises with amount (missing counts as 0) and is higher in paris. A `broken` one gives NaN."""
    keys = {"keys_strings": ["paris"], "values_floats": [1.0], "default_float": 0.0}
    nodes = [
        helper.make_node("LabelEncoder", ["city"], ["known"], domain="ai.onnx.ml", **keys),
        helper.make_node("IsNaN", ["amount"], ["absent"]),
        helper.make_node("Where", ["absent", "zero", "amount"], ["present"]),
        helper.make_node("Mul", ["present", "weight"], ["scaled"]),
        helper.make_node("Add", ["scaled", "known"], ["sum"]),
        helper.make_node("Log" if broken else "Identity", ["sum"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p"]),
        helper.make_node("Sub", ["one", "p"], ["q"]),
        helper.make_node("Concat", ["q", "p"], ["probabilities"], axis=1),
    ]
    tensors = [numpy_helper.from_array(np.array([[v]], dtype=np.float32), n) for n, v in (("weight", weight), ("zero", 0), ("one", 1))]
    inputs = [
        helper.make_tensor_value_info("amount", TensorProto.FLOAT, [None, 1]),
        helper.make_tensor_value_info("city", TensorProto.STRING, [None, 1]),
    ]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, output])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def write_table(path: Path, seed: int, rows: int = 120) -> None:
    random = np.random.default_rng(seed)
    amounts = random.normal(size=rows)
    lines = ["amount,city,late"]
    for index, amount in enumerate(amounts):
        city = ("paris", "london", "oslo")[index % 3] if index != 7 else "only-once-ville"
        late = int(random.random() < 1 / (1 + np.exp(-1.5 * amount)))
        lines.append(f"{'' if index % 10 == 0 else f'{amount:.4f}'},{city},{late}")
    path.write_text("\n".join(lines) + "\n")


def write_project(folder: Path, *, weight: float = 1.5, more: str = "", explainer: str = "") -> Project:
    """A project folder with model and tables."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model_bytes(weight))
    write_table(folder / "train.csv", 1)
    write_table(folder / "test.csv", 2)
    model = YAML.replace("task: binary-classification", f"task: binary-classification{explainer and f', explainer: {explainer}'}")
    (folder / "gonogo.yaml").write_text(model + more)
    return load_project(folder / "gonogo.yaml")


def build(project: Project, into: Path) -> Bundle:
    return build_bundle(project, Sandbox(60, 4096, accept_weaker=True), into=into)


CHECKLIST = Checklist(
    "small-gate",
    "A small gate",
    "1",
    "2026-01-01",
    (
        Item("quality", "Model", "It tells late from punctual.", check="quality", require=("roc_auc > 0.5",)),
        Item("owner", "Approval", "The owner has looked.", sign_off="owner"),
    ),
)


@dataclass(frozen=True)
class Sealable:
    """All that `seal` asks for."""

    bundle: Bundle
    approval: Approval
    verdict: Verdict
    statements: Mapping[str, bytes]
    people: People
    signer: FileSigner

    def seal(self, into: Path, **changed: Any) -> VerifiedRelease:
        arguments: dict[str, Any] = {
            "version": Version(1, 0, 0), "previous": None, "signer": self.signer, "statements": self.statements, "people": self.people,
            "into": into, "now": NOW,
        }  # fmt: skip
        return seal(self.bundle, self.approval, **{**arguments, **changed})


def keys(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("store", "ana"):
        if not (folder / f"{name}.key").exists():
            generate_key(folder / f"{name}.key")


def sealable(bundle: Bundle, folder: Path) -> Sealable:
    """Evidence, verdict, sign-off and approval for a bundle; keys are kept in `folder`."""
    keys(folder)
    ana = FileSigner(folder / "ana.key")
    item = CHECKLIST.items[0]
    inputs = {"bundle": bundle.digest, "test": "sha256:" + "1" * 64}
    evidence = Evidence(
        item.id, "quality", digest({}), inputs, "measured", {"roc_auc": Fact(0.8, n=120, low=0.7, high=0.9, level=0.95)}, (), "",
        {"gonogo": "0.1.0"}, "process", TIME, TIME, {},
    )  # fmt: skip
    rest: dict[str, Any] = {
        "system": "small", "subject": bundle.digest, "evidence": {item.id: evidence}, "current_inputs": {item.id: inputs}, "answers": {},
        "now": NOW,
    }  # fmt: skip
    first = judge(CHECKLIST, sign_offs=[], **rest)
    given = SignOff(
        "owner", "Ana", ana.key_id, ("owner",), bundle.digest, first.evidence_digest, CHECKLIST.digest, "approve", "", TIME
    )  # fmt: skip
    people = {"owner": [("Ana", ana.public)]}
    store = FileSigner(folder / "store.key")
    policy = Policy(
        "small", store.key_id, "small-pack", CHECKLIST.digest, demands(CHECKLIST), {}, {"isolation": "required"}, ("owner",), people
    )  # fmt: skip
    verdict = judge(CHECKLIST, sign_offs=[given], policy=policy.digest, **rest)
    statements = {
        "policy/0001.dsse.json": sign_policy(policy, None, ana),
        "checklist.json": canonical_bytes(CHECKLIST.to_json()),
        "verdict.json": canonical_bytes(verdict.to_json()),
        "evidence/quality.json": canonical_bytes(evidence.to_json()),
        "sign-offs/owner.dsse.json": sign_off(given, ana),
        "load_test.json": canonical_bytes({"format": "gonogo-load-test/1", "subject": bundle.digest, "requests": 1000}),
    }
    return Sealable(bundle, approve(verdict), verdict, statements, people, store)


def seal_two(folder: Path) -> Path:
    """The project, its bundle and its release 1.0.0; and 1.1.0, which is another model and explains itself. All with the same keys."""
    previous = None
    for name, weight, version, explainer in (("project", 1.5, Version(1, 0, 0), ""), ("project-2", 2.5, Version(1, 1, 0), "shapley")):
        bundle = build(write_project(folder / name, weight=weight, explainer=explainer), folder / "bundles")
        sealable(bundle, folder / "keys").seal(folder / "releases", version=version, previous=previous)
        previous = version
    return folder


def document(data: bytes) -> dict[str, Any]:
    return dict(json.loads(data))
