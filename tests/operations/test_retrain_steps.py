"""The steps of a training: whatever one of them does, what was there before comes back, and what is whole is not made again."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest

import sample
from gonogo.errors import ChildError, ModelError, NotFoundError, ProjectFileError
from gonogo.operations.promotion import Doors
from gonogo.operations.retrain import resume, retrain, take_back
from gonogo.operations.trainings import retraining, trainings
from team import Team
from trained_again import TRAIN, files, kinds, pointers, steps

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("program", "error", "why"),
    [
        ("raise SystemExit('no rows')", ChildError, "ended with 1: no rows"),
        ("print('epoch 1'); print('epoch 2'); raise SystemExit('no rows')", ChildError, "ended with 1: no rows"),
        ("print('no rows'); raise SystemExit(1)", ChildError, "ended with 1: no rows"),
        ("raise SystemExit(3)", ChildError, "ended with 3: .it said nothing"),
        ("import os; os.remove('model.onnx')", ChildError, "left nothing at model.onnx"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ChildError, "signal"),
        ("open('model.onnx', 'wb').write(b'half')", ModelError, "model"),
        ("import shutil; shutil.copy('wide.onnx', 'model.onnx')", ModelError, "of another shape than small@1.0"),
    ],
)
def test_a_training_that_fails_is_told_and_recorded_and_changes_no_file(live: Team, program: str, error: type[Exception], why: str) -> None:
    (live.folder / "train.py").write_text(program)
    (live.folder / "wide.onnx").write_bytes(other_shape())
    before = files(live)
    with pytest.raises(error, match=why):
        retrain(live.workspace())
    [made] = trainings(live.workspace())
    assert made["state"] == "failed"
    assert made["problem"]
    assert files(live) == before
    assert (pointers(live), len(live.workspace().registry().state().releases)) == ({"production": "1.0.0"}, 1)


EDITS = (
    "import os, pathlib; p = pathlib.Path('gonogo.yaml'); p.write_text(p.read_text().replace('people:', 'nobody:')); "
    "os.remove('helper.py'); p = pathlib.Path('pack/gate.yaml'); p.write_text(p.read_text().replace('roc_auc', 'rows')); "
)


@pytest.mark.parametrize("then", ["raise SystemExit(3)", TRAIN], ids=["fails", "ends well"])
@pytest.mark.parametrize("paths", ["paths: [train.py, helper.py]", ""], ids=["declared", "everything"])
def test_what_a_step_changes_of_declarations_and_sources_is_put_back_and_told_by_name(live: Team, then: str, paths: str) -> None:
    live.edit(", paths: [train.py]", f", {paths}" if paths else "")
    (live.folder / "helper.py").write_text("ROWS = 3\n")
    (live.folder / "train.py").write_text(EDITS + "open('train.py', 'a').write('# more'); open('notes.txt', 'w').write('x'); " + then)
    before, gate = files(live), (live.folder / "pack/gate.yaml").read_bytes()
    with pytest.raises(ChildError, match=r"changed gonogo\.yaml, helper\.py, pack/gate\.yaml, train\.py, which was put back"):
        retrain(live.workspace())
    assert files(live) == {**before, "notes.txt": b"x"}
    assert (live.folder / "pack/gate.yaml").read_bytes() == gate
    [made] = trainings(live.workspace())
    assert (made["state"], "changed gonogo.yaml" in made["problem"]) == ("failed", True)
    assert b"nobody:" in (live.store / "retrain" / made["id"] / "left-1" / "0").read_bytes(), "what it wrote is set aside"
    assert not (live.store / "retrain" / made["id"] / "guard").exists()


def test_a_source_that_a_step_is_declared_to_write_is_its_own(live: Team) -> None:
    live.edit("paths: [train.py]", "paths: [train.py, made.py]")
    (live.folder / "made.py").write_text("ROWS = 3\n")
    (live.folder / "train.py").write_text(TRAIN + "; open('made.py', 'w').write('ROWS = 4')")
    steps(live, "train: {run: python train.py, writes: [made.py]}")
    assert retrain(live.workspace()).outcome == "waiting"
    assert (live.folder / "made.py").read_text() == "ROWS = 4"


def test_the_other_exports_of_a_model_go_back_with_it(live: Team) -> None:
    live.edit("code:", "files: {torchscript: model.pt, notes: later.txt}\ncode:")
    (live.folder / "model.pt").write_bytes(b"the champion's")
    (live.folder / "train.py").write_text(TRAIN + "; [open(name, 'w').write('the new one') for name in ('model.pt', 'later.txt')]; 1 / 0")
    before = files(live)
    with pytest.raises(ChildError, match="ZeroDivisionError"):
        retrain(live.workspace())
    assert files(live) == before


def other_shape() -> bytes:
    """A model that takes the amount alone."""
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("IsNaN", ["amount"], ["absent"]),
        helper.make_node("Where", ["absent", "zero", "amount"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p"]),
        helper.make_node("Sub", ["one", "p"], ["q"]),
        helper.make_node("Concat", ["q", "p"], ["probabilities"], axis=1),
    ]
    tensors = [helper.make_tensor(name, TensorProto.FLOAT, [1, 1], [value]) for name, value in (("zero", 0.0), ("one", 1.0))]
    inputs = [helper.make_tensor_value_info("amount", TensorProto.FLOAT, [None, 1])]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


def test_a_step_that_hangs_is_ended_at_its_own_time(live: Team) -> None:
    (live.folder / "train.py").write_text("import time; print('epoch 1', flush=True); time.sleep(600)")
    steps(live, "train: {run: python train.py, timeout: 4 s}")
    before = files(live)
    with pytest.raises(ChildError, match=r"the step train: .* did not end within 4 s") as hung:
        retrain(live.workspace())
    assert "GONOGO_RETRAIN_SECONDS" in hung.value.hint
    [made] = retraining(live.workspace(), NOW)["trainings"]
    [step] = made["steps"]
    assert (step["state"], "did not end" in step["problem"]) == ("failed", True)
    assert "epoch 1" in (live.store / "retrain" / made["id"] / "train.log").read_text()
    assert files(live) == before


def test_what_a_step_is_declared_to_write_must_be_there(live: Team) -> None:
    steps(live, "train: python train.py\nevaluate: {run: python -c pass, writes: [figures.json]}")
    with pytest.raises(ChildError, match="the step evaluate left nothing at figures"):
        retrain(live.workspace())


@pytest.mark.parametrize("path", [".", "pack/..", ".gonogo", ".gonogo/bundles", "gonogo.yaml"])
def test_a_step_may_not_be_declared_to_write_the_store_or_gonogo_yaml(live: Team, path: str) -> None:
    steps(live, f"train: {{run: python train.py, writes: [{path}]}}")
    with pytest.raises(ProjectFileError, match="would be put back with the files of a training"):
        live.workspace()


def test_nothing_to_train_with_is_refused(live: Team) -> None:
    live.edit(f"code: {{train: {sys.executable} train.py, paths: [train.py]}}\n", "")
    with pytest.raises(NotFoundError, match="nothing is declared that trains"):
        retrain(live.workspace())
    live.edit("people:", "retrain: {when: [drift]}\npeople:")
    with pytest.raises(ProjectFileError, match="nothing is declared that trains"):
        live.workspace()


def test_every_step_is_on_record_with_what_it_was_made_from_and_what_it_wrote(live: Team) -> None:
    (live.folder / "next.csv").write_text((live.folder / "train.csv").read_text().replace("oslo", "paris"))
    steps(live, "data: cp next.csv train.csv\ntrain: python train.py\nevaluate: {run: cp train.csv seen.csv, writes: [seen.csv]}")
    told: list[tuple[str, str]] = []
    done = retrain(live.workspace(), doors=Doors(told=lambda step, words: told.append((step, words))))
    assert done.outcome == "waiting"
    events = [event.body for event in live.workspace().store().events(kinds=["retrain_step"])]
    assert [(one["step"], one["state"]) for one in events] == [
        (step, state) for step in ("data", "train", "evaluate") for state in ("started", "done")
    ]
    assert [list(one["wrote"]) for one in events if one["state"] == "done"] == [["train.csv"], ["model.onnx"], ["seen.csv"]]
    assert events[2]["inputs"]["train.csv"] == events[1]["wrote"]["train.csv"], "what one wrote the next one was made from"
    assert ("train", "trained") in told
    assert [one["step"] for one in retraining(live.workspace(), NOW)["trainings"][0]["steps"]] == ["data", "train", "evaluate"]


def test_a_failed_training_goes_on_after_its_last_whole_step_unless_an_input_is_another_one(live: Team) -> None:
    (live.folder / "prepare.py").write_text("import os; open('runs.txt', 'a').write('x'); os.replace('fresh.csv', 'train.csv')")
    fresh = (live.folder / "train.csv").read_text().replace("oslo", "paris")
    (live.folder / "train.py").write_text("raise SystemExit('no memory')")
    steps(live, "data: {run: python prepare.py, reads: [prepare.py]}\ntrain: {run: python train.py, reads: [train.py]}")
    old = (live.folder / "train.csv").read_text()
    (live.folder / "fresh.csv").write_text(fresh)
    with pytest.raises(ChildError, match="no memory"):
        retrain(live.workspace())
    assert (live.folder / "train.csv").read_text() == old, "put back"
    (live.folder / "train.py").write_text(TRAIN)
    assert resume(live.workspace()).outcome == "waiting"
    assert (live.folder / "runs.txt").read_text() == "x", "data was whole"
    assert (live.folder / "train.csv").read_text() == fresh
    assert kinds(live.workspace()) == ["started", "failed", "resumed", "done", "judged"]

    take_back(live.workspace())
    (live.folder / "train.py").write_text("raise SystemExit('no memory')")
    (live.folder / "fresh.csv").write_text(fresh.replace("london", "paris"))
    with pytest.raises(ChildError):
        retrain(live.workspace())
    (live.folder / "prepare.py").write_text("open('runs.txt', 'a').write('y')")
    (live.folder / "train.py").write_text(TRAIN.replace("next", "later"))
    (live.folder / "later.onnx").write_bytes(sample.model_bytes(1.6))
    assert resume(live.workspace()).outcome == "waiting"
    assert (live.folder / "runs.txt").read_text() == "xxy", "another prepare.py: data was run again"


def test_the_ledger_of_runs_is_only_ever_added_to(live: Team) -> None:
    (live.folder / "train.py").write_text("open('runs.jsonl', 'a').write('{}\\n'); open('run.txt', 'w').write('1'); raise SystemExit(1)")
    steps(live, "train: {run: python train.py, writes: [run.txt]}")
    with pytest.raises(ChildError):
        retrain(live.workspace())
    assert (live.folder / "runs.jsonl").exists()
    assert not (live.folder / "run.txt").exists()
