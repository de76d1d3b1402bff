"""A training is on the record, and what comes of it goes as far as it may."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import sample
from gonogo.base.names import Ref, Version
from gonogo.errors import ChildError, ConflictError, NotFoundError
from gonogo.monitor.retraining import reasons
from gonogo.operations.candidates import compare
from gonogo.operations.check import check
from gonogo.operations.duties import due
from gonogo.operations.release import release
from gonogo.operations.retrain import resume, retrain, take_back
from gonogo.operations.trainings import asked_for, retraining, trainings
from team import Team
from trained_again import STRONG, TRAIN, WEAK, files, pointers, signed, steps

NOW = datetime(2026, 6, 1, tzinfo=UTC)


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


def test_no_training_begins_while_the_model_of_the_last_one_waits_so_one_step_back_is_the_champion(live: Team) -> None:
    before = files(live)
    waits = retrain(live.workspace())
    (live.folder / "next.onnx").write_bytes(sample.model_bytes(1.4))
    with pytest.raises(ConflictError, match=f"{waits.id} has left a model that is waiting"):
        retrain(live.workspace())
    live.edit("people:", "retrain: {when: [schedule]}\npeople:")
    assert live.clock is not None
    live.clock.advance(92 * 86400.0)
    assert asked_for(live.workspace(), live.clock.now()) == [], "nor by itself"
    assert take_back(live.workspace())[0] == waits.id
    assert (live.folder / "model.onnx").read_bytes() == before["model.onnx"]
    assert [one.cause for one in asked_for(live.workspace(), live.clock.now())] == ["schedule"]
    assert retrain(live.workspace()).outcome != "unchanged"


def test_a_model_that_waited_and_is_in_production_by_hand_is_in_nobodys_way(live: Team) -> None:
    retrain(live.workspace())
    put_live_by_hand(live, STRONG)
    (live.folder / "next.onnx").write_bytes(sample.model_bytes(1.4))
    assert retrain(live.workspace()).outcome == "rejected"


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
