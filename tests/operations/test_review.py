"""Reviews are scheduled, judged, filed, signed and refused; what they demand cannot be weakened unnoticed."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gonogo.base import catalogue
from gonogo.base.clock import FakeClock
from gonogo.base.names import Ref
from gonogo.cli import main
from gonogo.errors import NotFoundError, RefusedError, VerificationError
from gonogo.monitor.signal import Sight
from gonogo.monitor.windows import Window
from gonogo.operations.duties import Duties, Seen, due
from gonogo.operations.review import filed_page, filed_reviews, review, review_due, schedule_document, sign_review
from gonogo.operations.workspace import Workspace
from gonogo.verdict.outcome import Outcome
from team import Team

REVIEWS = """
version: 1.0.0
date: "2026-11-21"
status: ready
reviews:
  hour:
    title: First hour
    repeats: false
    sections:
      - title: Measured
        items:
          - {id: hour-log, statement: The log is whole., check: audit_log, require: [intact == true, events > 0]}
      - title: Read
        items:
          - {id: hour-read, statement: Somebody has read it., sign_off: lead}
  week:
    title: A week
    sections:
      - title: Measured
        items:
          - {id: week-answers, statement: It answers., check: probe, require: [healthy == true]}
          - {id: week-gate, statement: The gate holds., check: gate_again, require: [items > 0, failed == 0]}
          - {id: week-labels, statement: Labels come., kind: conditional, check: live_quality, require: [enough == true]}
"""


@pytest.fixture(scope="module")
def put_live(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first release stands in production; nothing serves it."""
    base = tmp_path_factory.mktemp("live") / "all"
    shutil.copytree(made, base)
    team = Team(base / "project", base / "keys")
    (team.folder / "pack" / "reviews.yaml").write_text(REVIEWS)
    team.put_live()
    return base


@pytest.fixture
def live(put_live: Path, tmp_path: Path) -> Team:
    shutil.copytree(put_live, tmp_path / "all")
    return Team(tmp_path / "all" / "project", tmp_path / "all" / "keys", FakeClock(datetime.now(UTC)))


def states(workspace: Workspace) -> dict[str, str]:
    return {one["period"]: one["state"] for one in schedule_document(workspace)["reviews"]}


def later(team: Team, **time_: float) -> Workspace:
    assert team.clock is not None
    team.clock.advance(timedelta(**time_).total_seconds())
    return team.workspace()


def test_a_review_is_due_a_period_after_the_release_went_live_then_overdue_then_made(live: Team) -> None:
    assert states(live.workspace()) == {"hour": "later", "day": "later", "week": "later"}
    assert states(later(live, minutes=61)) == {"hour": "due", "day": "later", "week": "later"}
    assert states(later(live, minutes=10)) == {"hour": "overdue", "day": "later", "week": "later"}
    [made] = review_due(live.workspace())
    assert (made.filed.period, made.well) == ("hour", False), "nobody has signed it"
    assert states(live.workspace())["hour"] == "no more"
    assert states(later(live, hours=24))["day"] == "due"
    assert due(live.workspace()) == [("review", "run", "day")]
    live.edit("people:", "monitor: {reviews: [hour]}\npeople:")
    assert due(live.workspace()) == [], "the project has the service make another one only"


def test_nothing_in_production_is_nothing_to_review(team: Team) -> None:
    assert set(states(team.workspace()).values()) == {"nothing is live"}
    with pytest.raises(NotFoundError, match="in production"):
        review(team.workspace(), "day")


def test_a_period_that_the_pack_does_not_review_is_refused(live: Team) -> None:
    with pytest.raises(NotFoundError, match="quarter"):
        review(live.workspace(), "quarter")


def test_what_cannot_be_measured_is_not_well(live: Team) -> None:
    found = review(live.workspace(), "week")
    outcomes = {one.item: one.outcome for one in found.report.verdict.items}
    assert outcomes == {"week-answers": Outcome.ERROR, "week-gate": Outcome.PASS, "week-labels": Outcome.NOT_RUN}
    assert not found.well
    assert found.report.word == "NOT WELL"
    [filed] = filed_reviews(live.workspace())
    assert set(filed.findings) == {"week-answers: ERROR", "week-labels: NOT_RUN"}
    live.edit("items:", "items:\n  week-labels: {applies: false, reason: labels never come}")
    weaker = review(live.workspace(), "week")
    assert "the policy is not the one that was signed" in " ".join(weaker.report.verdict.blocked), "an answer needs a signature, too"


def test_the_gate_is_measured_again_on_the_release_whatever_the_candidate_is_by_now(live: Team) -> None:
    (live.folder / "model.onnx").write_bytes(b"somebody trains")
    found = review(live.workspace(), "week")
    gate = next(one for one in found.report.entries if one.item.id == "week-gate")
    assert gate.result.outcome is Outcome.PASS
    assert found.report.verdict.subject == live.workspace().registry().resolve(Ref.parse("small@1.0.0")).digest
    table = (live.folder / "test.csv").read_text().splitlines()
    flipped = [line[:-1] + ("0" if line.endswith("1") else "1") for line in table[1:]]
    (live.folder / "test.csv").write_text("\n".join([table[0], *flipped]) + "\n")
    found = review(live.workspace(), "week")
    gate = next(one for one in found.report.entries if one.item.id == "week-gate")
    assert gate.result.outcome is Outcome.FAIL
    assert gate.evidence is not None
    assert gate.evidence.findings[0].startswith("quality: FAIL")


def test_a_person_signs_what_is_filed_and_a_refusal_is_not_well(live: Team) -> None:
    key = live.keys / "ana.key"
    made = review(live.workspace(), "hour")
    assert {one.item: one.outcome for one in made.report.verdict.items} == {"hour-log": Outcome.PASS, "hour-read": Outcome.NOT_RUN}
    later(live, seconds=1)
    signed = sign_review(live.workspace(), "hour", "lead", key=key, note="read; nothing to mend")
    assert signed.well
    assert (signed.filed.id, signed.filed.name) == (made.filed.id, f"{made.filed.id}.signed-1")
    [filed] = filed_reviews(live.workspace())
    assert filed.well
    later(live, seconds=1)
    refused = sign_review(live.workspace(), "hour", "lead", key=key, reject="the log has errors that nobody explains")
    assert not refused.well
    assert refused.report.entries[1].result.outcome is Outcome.FAIL
    assert "nobody explains" in refused.report.entries[1].result.reason
    events = [event for event in live.workspace().store().events() if event.kind in ("review", "sign_off")]
    assert [event.kind for event in events][-5:] == ["review", "sign_off", "review", "sign_off", "review"]


def test_only_a_person_of_the_role_signs_and_only_what_the_review_asks_for(live: Team) -> None:
    with pytest.raises(NotFoundError, match="no review"):
        sign_review(live.workspace(), "hour", "lead", key=live.keys / "ana.key")
    review(live.workspace(), "hour")
    with pytest.raises(NotFoundError, match="asks for no sign-off"):
        sign_review(live.workspace(), "hour", "owner", key=live.keys / "ben.key")
    live.edit("statement: Somebody has read it.", "statement: Somebody has read it twice.", "pack/reviews.yaml")
    with pytest.raises(RefusedError, match="another checklist"):
        sign_review(live.workspace(), "hour", "lead", key=live.keys / "ana.key")


def test_a_report_that_was_edited_or_removed_is_not_believed(live: Team) -> None:
    made = review(live.workspace(), "hour")
    file = live.store / "reviews" / f"{made.filed.name}.json"
    assert json.loads(filed_page(live.workspace(), "hour", "json"))["review"]["release"] == made.filed.release
    file.write_text(file.read_text().replace("hour-log", "hour-lag"))
    with pytest.raises(VerificationError, match="not the one that the log names"):
        filed_page(live.workspace(), made.filed.id, "md")
    file.unlink()
    with pytest.raises(VerificationError):
        sign_review(live.workspace(), "hour", "lead", key=live.keys / "ana.key")


@pytest.mark.parametrize(
    ("old", "new", "file"),
    [
        ("require: [intact == true, events > 0]", "require: [events > 0]", "pack/reviews.yaml"),
        ("sign_off: lead}", "sign_off: owner}", "pack/reviews.yaml"),
        ("repeats: false", "repeats: true", "pack/reviews.yaml"),
        ("people:", "monitor: {reviews: []}\npeople:", "gonogo.yaml"),
        ("items:", "items:\n  hour-log: {require: events > 0}", "gonogo.yaml"),
    ],
)
def test_what_a_review_demands_changes_only_with_a_signed_policy(live: Team, old: str, new: str, file: str) -> None:
    live.edit(old, new, file)
    made = review(live.workspace(), "hour")
    assert not made.well
    assert any("the policy is not the one that was signed" in why for why in made.report.verdict.blocked)
    live.sign_policy("lead", "ana")
    live.sign_policy("owner", "ben")
    assert review(live.workspace(), "hour").report.verdict.blocked == ()


def test_a_cut_log_is_never_well(live: Team) -> None:
    database = live.database()
    database.execute("UPDATE event SET actor = 'nobody' WHERE seq = 1")
    database.close()
    made = review(live.workspace(), "hour")
    assert not made.well
    assert made.report.entries[0].result.outcome is Outcome.FAIL


@pytest.fixture
def quick_duties(monkeypatch: pytest.MonkeyPatch, live: Team) -> None:
    monkeypatch.setenv("GONOGO_DUTY_SECONDS", "0.2")
    monkeypatch.setenv("GONOGO_KEYS", str(live.keys))


@pytest.mark.usefixtures("quick_duties")
def test_the_service_makes_what_is_due_in_a_process_of_its_own_once(live: Team) -> None:
    workspace = later(live, minutes=61)
    with Duties(workspace):
        deadline = time.monotonic() + 60
        while not (found := filed_reviews(live.workspace())) and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(1.0)
    found = filed_reviews(live.workspace())
    assert [(one.period, one.by) for one in found] == [("hour", "service")]


def test_a_review_in_its_page_says_what_it_is_of(live: Team) -> None:
    made = review(live.workspace(), "hour")
    for kind in ("html", "md"):
        page: Any = filed_page(live.workspace(), made.filed.id, kind)
        assert "NOT WELL" in page or "NOT" in page
        assert made.filed.release in page
        assert "gonogo review sign hour lead" in page


def readings(workspace: Workspace) -> dict[tuple[str, str], float | None]:
    """What the signals of duties say to a watch of a service that answers nothing else."""
    seen = Seen(workspace, lambda: {"releases": {}})()
    sight = Sight(Window(0.0, {}), {}, seen, workspace.clock.now())
    signals = [catalogue.load("signals", name)() for name in ("review_overdue", "review_findings", "training_failed")]
    return {(one.signal, one.labels.get("period", "")): one.value for signal in signals for one in signal.compute(sight)}


def test_that_a_review_is_overdue_or_not_well_is_a_signal(live: Team) -> None:
    found = readings(live.workspace())
    assert found == {("review_overdue", period): 0.0 for period in ("hour", "day", "week")} | {("training_failed", ""): 0.0}
    found = readings(later(live, hours=49))
    assert found["review_overdue", "hour"] == pytest.approx(2.0, abs=0.01)
    assert found["review_overdue", "day"] == pytest.approx(25 / 24, abs=0.01)
    review(live.workspace(), "hour")
    found = readings(live.workspace())
    assert (found["review_overdue", "hour"], found["review_findings", "hour"]) == (0.0, 1.0)


def test_a_wrong_word_is_told_with_the_right_one_and_no_folder_is_made(live: Team, tmp_path: Path) -> None:
    said = CliRunner().invoke(main, ["review", "huor", "--project", str(live.folder)])
    assert (said.exit_code, "Did you mean 'hour'?" in said.output) == (2, True)
    page = tmp_path / "not" / "there" / "day.html"
    said = CliRunner().invoke(main, ["review", "show", "day", "--html", str(page), "--project", str(live.folder)])
    assert (said.exit_code, "there is no folder" in said.output, page.parent.exists()) == (2, True, False)
