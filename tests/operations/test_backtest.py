"""`gonogo watch backtest`: the rules in force, or another file's, over what this system has counted."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

import sample
from gonogo.base.clock import FakeClock
from gonogo.cli import main
from gonogo.monitor.counts import Counts
from gonogo.monitor.history import History
from gonogo.monitor.windows import Snapshot, Windows

RULES = "monitor:\n  rules:\n    - {name: error-share, signal: error_rate, above: 0.2, clear: 0.1, window: 5 min, for: 2 min, min_n: 100}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that has counted for two hours, with a third of the answers wrong for twenty minutes of them."""
    folder = tmp_path / "project"
    sample.write_project(folder)
    with (folder / "gonogo.yaml").open("a") as file:
        file.write(RULES)
    (folder / ".gonogo").mkdir(exist_ok=True)
    now = datetime.now(UTC)
    clock, windows = FakeClock(now - timedelta(hours=2)), Windows()
    history = History(folder / ".gonogo" / "history.db", clock)
    history.restore(windows)
    n = bad = 0
    for minute in range(120):
        windows.add(Snapshot(clock.monotonic(), "one", {"shop@1.0.0": Counts(n=n, bad=bad)}, ("shop@1.0.0",)))
        history.add(windows)
        clock.advance(60)
        n, bad = n + 90, bad + (30 if 40 <= minute < 60 else 0)
    history.close()
    return folder


def _run(project: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["watch", "backtest", "--project", str(project), *arguments])
    return done.exit_code, done.output


def test_it_says_when_each_rule_would_have_rung_and_how_often_that_is(project: Path) -> None:
    code, said = _run(project, "--since", "3h", "--json")
    record = json.loads(said)
    rule = next(rule for rule in record["rules"] if rule["name"] == "error-share")
    assert (code, record["format"], rule["fired"], len(rule["episodes"])) == (0, "gonogo-backtest/1", 1, 1)
    assert rule["episodes"][0]["seconds"] == pytest.approx(23 * 60, abs=180)
    assert rule["per_month"]["low"] < rule["per_month"]["value"] < rule["per_month"]["high"]
    assert rule["expected_per_month"] >= 0
    assert any("baseline of shop@1.0.0" in problem for problem in record["problems"]), "what cannot be compared is said"


def test_as_text_it_fits_a_terminal_and_names_the_alarm(project: Path) -> None:
    code, said = _run(project, "--since", "3h")
    assert code == 0
    assert "error-share would have rung once:" in said
    assert "not judged" in said
    assert max(len(line) for line in said.splitlines() if str(project) not in line and "problem:" not in line) <= 140


def test_another_file_is_replayed_without_being_put_in_force(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    sample.write_project(other)
    with (other / "gonogo.yaml").open("a") as file:
        file.write(RULES.replace("0.2", "0.9"))
    record = json.loads(_run(project, "--since", "3h", "--json", "--policy", str(other))[1])
    assert next(rule["fired"] for rule in record["rules"] if rule["name"] == "error-share") == 0
    assert record["policy"].startswith(os.fspath(other))


@pytest.mark.parametrize("since", ["soon", "7", "d", "1e999d", "7 weeks", "-1h", "0h"])
def test_a_length_of_time_that_is_none_is_told(project: Path, since: str) -> None:
    code, said = _run(project, "--since", since)
    assert code == 2
    assert "no length of time" in said


def test_where_nothing_was_counted_there_is_nothing_to_replay(tmp_path: Path) -> None:
    sample.write_project(tmp_path / "project")
    code, said = _run(tmp_path / "project")
    assert code != 0
    assert "nothing was counted here yet" in said
