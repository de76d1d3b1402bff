"""A training runs once at a time, step by step, on the record; what comes of it goes as far as it may, and nothing is lost on the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import sample
from gonogo.base.clock import FakeClock
from gonogo.base.names import Ref, Version
from gonogo.errors import ChildError, ConflictError, ModelError, NotFoundError, ProjectFileError
from gonogo.monitor.retraining import reasons
from gonogo.operations.candidates import compare
from gonogo.operations.check import check
from gonogo.operations.duties import due
from gonogo.operations.promotion import Doors
from gonogo.operations.release import release
from gonogo.operations.retrain import resume, retrain, take_back
from gonogo.operations.trainings import asked_for, retraining, trainings
from gonogo.operations.workspace import Workspace
from team import Team

TRAIN = "import shutil; shutil.copy('next.onnx', 'model.onnx'); print('trained')"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
WEAK, STRONG = 0.1, 1.5  #: weights of the champion and of what the tables really follow


@pytest.fixture(scope="module")
def put_live(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first release, a weak one, is in production."""
    base = tmp_path_factory.mktemp("live") / "all"
    shutil.copytree(made, base)
    team = Team(base / "project", base / "keys")
    (team.folder / "model.onnx").write_bytes(sample.model_bytes(WEAK))
    check(team.workspace())
    team.sign("lead", "ana")
    team.sign("owner", "ben")
    workspace = team.workspace()
    release(workspace)
    registry = workspace.registry()
    entry = registry.resolve(Ref.parse("small@1.0.0"))
    registry.move_pointer(
        entry.system, "production", entry.version, verdict_digest=entry.verdict_digest, expected=None, reason="first", actor="ana"
    )
    return base


@pytest.fixture
def live(put_live: Path, tmp_path: Path) -> Team:
    shutil.copytree(put_live, tmp_path / "all")
    team = Team(tmp_path / "all" / "project", tmp_path / "all" / "keys", FakeClock(datetime.now(UTC)))
    (team.folder / "train.py").write_text(TRAIN)
    (team.folder / "next.onnx").write_bytes(sample.model_bytes(STRONG))
    team.edit("people:", f"code: {{train: {sys.executable} train.py, paths: [train.py]}}\npeople:")
    return team


def steps(team: Team, declared: str, more: str = "") -> None:
    """Declare steps instead of the one command. `python` is this one."""
    lines = "".join(f"\n    {line.strip()}" for line in declared.replace("python", sys.executable).strip().splitlines())
    team.edit("people:", f"retrain:\n  steps:{lines}\n{more}people:")


def files(team: Team) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in team.folder.glob("*") if path.is_file()}


def pointers(team: Team) -> dict[str, str]:
    return {name: str(version) for (_, name), version in team.workspace().registry().state().pointers.items()}


def kinds(workspace: Workspace) -> list[str]:
    return [event.body["state"] for event in workspace.store().events(kinds=["retrain"])]


def signed(team: Team) -> None:
    team.sign("lead", "ana")
    team.sign("owner", "ben")


# -- how far a new model goes


def test_a_better_model_waits_for_signatures_and_is_staged_once_they_are_there(live: Team) -> None:
    done = retrain(live.workspace(), reason="new data")
    assert (done.outcome, done.changed, done.arrived) == ("waiting", True, False)
    assert "the candidate waits for signatures: owner, lead" in done.words
    assert done.next == "gonogo sign owner; gonogo sign lead; gonogo retrain --resume"
    assert done.comparison is not None
    assert (done.comparison["champion"], done.comparison["standing"]) == ("small@1.0.0", "better")
    assert "trained" in (done.folder / "train.log").read_text()
    [made] = trainings(live.workspace())
    assert (made["state"], made["reason"], made["outcome"]) == ("done", "new data", "waiting")
    assert (pointers(live), len(live.workspace().registry().state().releases)) == ({"production": "1.0.0"}, 1)
    signed(live)
    done = resume(live.workspace())
    assert (done.outcome, done.version, done.arrived) == ("staging", "1.1.0", True)
    assert pointers(live) == {"production": "1.0.0", "staging": "1.1.0"}
    assert done.next == "gonogo rollout start small@1.1.0"
    with pytest.raises(NotFoundError, match="no training to go on with"):
        resume(live.workspace())


@pytest.mark.parametrize(("weight", "standing"), [(WEAK, "unchanged"), (0.101, "as good"), (-1.5, "worse")])
def test_a_model_that_is_no_better_is_rejected_and_the_champion_put_back(live: Team, weight: float, standing: str) -> None:
    (live.folder / "next.onnx").write_bytes(sample.model_bytes(weight))
    before = files(live)
    done = retrain(live.workspace())
    assert done.outcome == ("unchanged" if standing == "unchanged" else "rejected")
    assert not done.arrived
    assert files(live) == before
    assert len(live.workspace().registry().state().releases) == 1
    if done.comparison:
        assert done.comparison["standing"] == standing
        assert (done.folder / "left-1" / "0").read_bytes() == sample.model_bytes(weight), "what it wrote is set aside"
    with pytest.raises(NotFoundError):
        resume(live.workspace())


def test_a_rejected_model_stays_in_the_ledger_as_rejected_with_the_reason(live: Team) -> None:
    (live.folder / "next.onnx").write_bytes(sample.model_bytes(-1.5))
    (live.folder / "train.py").write_text(
        TRAIN + "; import gonogo; gonogo.record_run('run.json', params={}, metrics={'roc_auc': 0.3}, data={'model': 'model.onnx'}, seed=1)"
    )
    live.edit("data:", "run_record: run.json\ndata:")
    assert retrain(live.workspace()).outcome == "rejected"
    [run] = compare(live.workspace()).candidates
    assert run.status == "REJECTED"
    assert "against small@1.0.0 on the same 120 rows" in run.reason


def test_no_worse_is_enough_where_the_project_says_so_and_that_is_policy(live: Team) -> None:
    (live.folder / "next.onnx").write_bytes(sample.model_bytes(0.101))
    live.edit("people:", "retrain: {accept: no worse}\npeople:")
    done = retrain(live.workspace())
    assert done.outcome == "refused"
    assert any("retrain accept: nothing → no worse" in line for line in done.words)
    live.sign_policy("lead", "ana")
    live.sign_policy("owner", "ben")
    assert resume(live.workspace()).outcome == "waiting"


def test_a_model_that_the_gate_refuses_stays_to_be_looked_at_and_can_be_taken_back(live: Team) -> None:
    before = files(live)
    live.edit("items:", "items:\n  quality: {require: roc_auc > 0.99}")
    live.sign_policy("lead", "ana")
    live.sign_policy("owner", "ben")
    edited = files(live)
    done = retrain(live.workspace())
    assert done.outcome == "refused"
    assert any(line.startswith("quality: FAIL") for line in done.words)
    assert (live.folder / "model.onnx").read_bytes() == sample.model_bytes(STRONG)
    assert (done.folder / "report.html").is_file()
    name, changed = take_back(live.workspace())
    assert (name, changed, files(live)) == (done.id, ["model.onnx"], edited)
    assert edited["model.onnx"] == before["model.onnx"]
    with pytest.raises(NotFoundError):
        take_back(live.workspace())
    with pytest.raises(NotFoundError):
        resume(live.workspace())


def test_a_training_on_the_rows_of_the_test_is_refused_however_good_it_looks(live: Team) -> None:
    apart = "      - {id: apart, statement: The tables have no rows in common., check: overlap, require: shared_share <= 50%}\n"
    live.edit("  - title: Approval\n", f"{apart}  - title: Approval\n", file="pack/gate.yaml")
    live.sign_policy("lead", "ana")
    live.sign_policy("owner", "ben")
    steps(live, "data: cp test.csv train.csv\ntrain: python train.py")
    done = retrain(live.workspace())
    assert (done.outcome, done.comparison and done.comparison["standing"]) == ("refused", "better")
    assert any(line.startswith("apart: FAIL") for line in done.words)
    assert pointers(live) == {"production": "1.0.0"}


def test_production_is_only_pre_authorised_by_a_signed_policy(live: Team) -> None:
    live.edit("people:", "retrain: {then: production}\npeople:")
    done = retrain(live.workspace())
    assert done.outcome == "refused", "the policy in force does not know of it"
    assert any("retrain then: nothing → production" in line for line in done.words)
    live.sign_policy("lead", "ana")
    live.sign_policy("owner", "ben")
    assert resume(live.workspace()).outcome == "waiting", "no machine signs for a person"
    signed(live)
    done = resume(live.workspace())
    assert (done.outcome, done.arrived) == ("staging", False)
    assert any(line.startswith("it was not rolled out: ") for line in done.words), "nothing is served here"
    assert pointers(live) == {"production": "1.0.0", "staging": "1.1.0"}


def test_a_training_that_wrote_its_own_test_table_goes_no_further_than_staging(live: Team) -> None:
    live.edit("people:", "retrain: {then: production}\npeople:")
    easier = "; lines = open('test.csv').read().splitlines(); open('test.csv', 'w').write('\\n'.join(lines[:-1]) + '\\n')"
    (live.folder / "train.py").write_text(TRAIN + easier)
    retrain(live.workspace())
    live.sign_policy("lead", "ana")
    live.sign_policy("owner", "ben")
    signed(live)
    done = resume(live.workspace())
    assert (done.outcome, done.arrived) == ("staging", False)
    assert "it goes no further by itself: the step train wrote the test table that it was judged by" in done.words


def test_another_model_in_place_of_the_one_that_waits_is_not_taken_for_it(live: Team) -> None:
    retrain(live.workspace())
    (live.folder / "model.onnx").write_bytes(sample.model_bytes(1.4))
    with pytest.raises(ConflictError, match="not the one of"):
        resume(live.workspace())


def put_live_by_hand(team: Team, weight: float) -> bytes:
    """Another model is checked, signed, released and put live beside a training that waits; gives what the training left."""
    waits = (team.folder / "model.onnx").read_bytes()
    (team.folder / "model.onnx").write_bytes(sample.model_bytes(weight))
    check(team.workspace())
    signed(team)
    registry, sealed = team.workspace().registry(), release(team.workspace()).release
    entry = registry.resolve(Ref.parse(f"small@{sealed.version}"))
    registry.move_pointer(
        "small", "production", entry.version, verdict_digest=entry.verdict_digest, expected=Version.parse("1.0.0"), reason="", actor="ana"
    )
    return waits


def test_a_model_that_waited_is_compared_with_what_is_in_production_by_now(live: Team) -> None:
    (live.folder / "next.onnx").write_bytes(sample.model_bytes(0.3))
    before = files(live)
    assert retrain(live.workspace()).outcome == "waiting"
    (live.folder / "model.onnx").write_bytes(put_live_by_hand(live, STRONG))
    check(live.workspace())
    signed(live)
    done = resume(live.workspace())
    assert (done.outcome, done.comparison and done.comparison["champion"]) == ("rejected", "small@1.1.0")
    assert pointers(live) == {"production": "1.1.0"}, "it had beaten the one before"
    assert files(live) == before


def test_a_model_that_was_put_live_by_hand_while_it_waited_is_not_compared_with_itself(live: Team) -> None:
    retrain(live.workspace())
    put_live_by_hand(live, STRONG)
    done = resume(live.workspace())
    assert (done.outcome, done.comparison and done.comparison["champion"]) == ("staging", "small@1.0.0")


# -- training that goes wrong


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
    steps(live, "train: {run: python train.py, timeout: 1 s}")
    before = files(live)
    with pytest.raises(ChildError, match=r"the step train: .* did not end within 1 s") as hung:
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


# -- steps


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


# -- one at a time, and kills


def test_trainings_that_begin_within_one_second_are_two(live: Team) -> None:
    (live.folder / "train.py").write_text("print('the same')")
    workspace = live.workspace()
    first, second = retrain(workspace), retrain(workspace)
    assert first.id != second.id
    assert first.folder != second.folder
    assert [one["id"] for one in trainings(workspace)] == [first.id, second.id]


def started(live: Team) -> subprocess.Popen[bytes]:
    """A training that writes half a model, says so, and then hangs; it runs from here on."""
    (live.folder / "train.py").write_text(
        "import os, pathlib, time\n"
        "open('model.onnx', 'wb').write(b'half')\n"
        "pathlib.Path('pid').write_text(str(os.getpid())); pathlib.Path('pid').rename('half.pid')\n"
        "time.sleep(600)\n"
    )
    first = subprocess.Popen([sys.executable, "-m", "gonogo", "retrain", "--project", str(live.folder)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (live.folder / "half.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return first


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_kill_in_the_middle_of_a_training_is_resumed_and_what_outlived_it_is_ended(live: Team) -> None:
    before = files(live)
    first = started(live)
    try:
        with pytest.raises(ConflictError, match="runs already"):
            retrain(live.workspace())
        assert [one["state"] for one in trainings(live.workspace())] == ["started"]
    finally:
        first.kill()
        first.wait()
    [made] = trainings(live.workspace())
    assert (made["state"], made["problem"]) == ("failed", "it ended without a word")
    assert (live.folder / "model.onnx").read_bytes() == b"half"
    assert due(live.workspace()) == [], "nothing begins by itself where the project does not say so"
    live.edit("people:", "retrain: {when: [schedule]}\npeople:")
    assert due(live.workspace()) == [("retrain", "--resume")]
    pid = int((live.folder / "half.pid").read_text())
    assert is_alive(pid), "the command knows nothing of the death of gonogo"
    (live.folder / "train.py").write_text(TRAIN)
    assert resume(live.workspace()).outcome == "waiting"
    assert not is_alive(pid)
    name, changed = take_back(live.workspace())
    assert (name, changed) == (made["id"], ["model.onnx"])
    assert (live.folder / "model.onnx").read_bytes() == before["model.onnx"]


@pytest.mark.parametrize("end", ["another", "put back", "terminate"])
def test_the_champion_comes_back_after_a_kill(live: Team, end: str) -> None:
    champion = (live.folder / "model.onnx").read_bytes()
    first = started(live)
    (first.terminate if end == "terminate" else first.kill)()
    first.wait()
    if end == "put back":
        done = subprocess.run(
            [sys.executable, "-m", "gonogo", "retrain", "--put-back", "--json", "--project", str(live.folder)],
            capture_output=True,
            check=True,
        )
        assert json.loads(done.stdout)["put_back"] == ["model.onnx"]
    elif end == "another":
        (live.folder / "train.py").write_text("print('the same')")
        assert retrain(live.workspace()).outcome == "unchanged"
        assert [one["state"] for one in trainings(live.workspace())] == ["failed", "done"]
    else:
        assert "interrupted" in trainings(live.workspace())[0]["problem"]
    assert (live.folder / "model.onnx").read_bytes() == champion
    pid = int((live.folder / "half.pid").read_text())
    assert not is_alive(pid)


def test_the_command_line_says_where_it_stopped_and_what_to_type(live: Team) -> None:
    live.clock = None  # processes of their own have the true time

    def typed(*words: str) -> tuple[int, str, Any]:
        command = [sys.executable, "-m", "gonogo", "retrain", *words, "--project", str(live.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    code, said, _ = typed()
    assert code == 1
    assert "train     done in" in said
    assert "the candidate waits for signatures: owner, lead" in said
    assert "next: gonogo sign owner; gonogo sign lead; gonogo retrain --resume" in said
    signed(live)
    code, said, _ = typed("--resume", "--json")
    document = json.loads(said)
    assert (code, document["outcome"], document["version"]) == (0, "staging", "1.1.0")
    code, said, _ = typed("--status")
    assert code == 0
    assert "staging" in said
    code, _, wrong = typed("--resume", "--status")
    assert (code, "do not go together" in wrong) == (2, True)


def alarm(signal: str, **changed: Any) -> dict[str, Any]:
    return {"rule": signal, "signal": signal, "level": "critical", "ringing": True, "state": "FIRING", "text": "too high", **changed}


@pytest.mark.parametrize(
    ("alarms", "days", "causes"),
    [
        ([], 10, []),
        ([], 92, ["schedule"]),
        ([alarm("psi"), alarm("ece")], 10, ["drift", "calibration"]),
        ([alarm("psi", ringing=False), alarm("psi", level="info"), alarm("psi", state="UNKNOWN"), alarm("latency")], 10, []),
    ],
)
def test_what_asks_for_a_training(alarms: list[dict[str, Any]], days: float, causes: list[str]) -> None:
    found = reasons(alarms, trained=NOW - timedelta(days=days), every_seconds=91 * 86400.0, now=NOW)
    assert [one.cause for one in found] == causes


def test_a_finding_starts_a_training_only_where_the_project_says_so_and_not_twice_in_a_week(live: Team) -> None:
    assert live.clock is not None
    live.clock.advance(92 * 86400.0)
    workspace = live.workspace()
    assert [one["cause"] for one in retraining(workspace, workspace.clock.now())["reasons"]] == ["schedule"]
    assert asked_for(workspace, workspace.clock.now()) == []
    live.edit("people:", "retrain: {when: [schedule]}\npeople:")
    workspace = live.workspace()
    assert [duty[0] for duty in due(workspace)][-1] == "retrain"
    (live.folder / "train.py").write_text("raise SystemExit('no rows')")
    with pytest.raises(ChildError):
        retrain(workspace, reason="schedule")
    assert asked_for(live.workspace(), workspace.clock.now()) == [], "it was tried just now"
    live.clock.advance(8 * 86400.0)
    assert [one.cause for one in asked_for(live.workspace(), live.clock.now())] == ["schedule"]
