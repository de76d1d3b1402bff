"""Real flights replayed in event time: the drive counts as the service does, a healthy day is quiet, what is wrong rings, and the page that
the whole replay has written is whole. (`python systems/late_arrivals/replay.py` is the whole of it: weeks, and every injection.)"""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.xdist_group("story"), pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = ROOT / "systems" / "late_arrivals"
PAGE = ROOT / "docs" / "replay.md"
NAMED = {
    "a feature scaled by 10": "feature-scaled",
    "a column gone missing": "column-null",
    "a new category": "new-category",
    "a shifted month": "shifted-month",
    "a slow model, +20 %": "slower-by-a-fifth",
    "a slow model, +200 ms": "slower-by-200-ms",
    "5xx at 1 %": "one-percent-5xx",
    "traffic halved": "half-the-traffic",
    "traffic tripled": "three-times-the-traffic",
    "traffic stopped": "no-traffic",
    "labels flipped": "labels-flipped",
    "overconfident scores": "overconfident",
    "a stuck score": "stuck-score",
    "the exporter dead": "exporter-dead",
}


@pytest.fixture(scope="module")
def modules() -> Any:
    """The system's modules, found as its own programs find them."""
    sys.path.insert(0, str(SYSTEM))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(SYSTEM))


@pytest.fixture(scope="module")
def work(modules: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of the replay, of every sixth flight, and a Monday of healthy flights that was counted."""
    folder = tmp_path_factory.mktemp("replay") / "work"
    modules("replay_release").build(folder, every=6)
    replay, drives = modules("replay").Replay(folder), modules("replay_drive")
    drive = drives.Drive(replay.system, folder / "monday", judged=False)
    for _ in drive.run(replay.healthy(0, 86_400), replay.scene(replay.held), 86_400, 600.0):
        pass
    drive.close()
    return folder


class Tuesday:
    """The day after, in a copy of what was counted: `go` on for some hours, and what rang since."""

    def __init__(self, modules: Any, work: Path, folder: Path) -> None:
        shutil.copytree(work / "monday", folder)
        self.main = modules("replay")
        self.replay = self.main.Replay(work)
        self.drive = modules("replay_drive").Drive(self.replay.system, folder, seed=2)
        self.scene = self.replay.scene(self.replay.held)
        self.events: list[dict[str, Any]] = []

    def go(self, hours: float, scene: Any = None, *, step: float = 60.0) -> list[str]:
        until, before = self.drive.now + hours * 3600, len(self.events)
        flights = self.replay.healthy(self.drive.now, until)
        self.main.rung(self.drive.run(flights, scene or self.scene, until, step), self.drive, self.events)
        return [f"{event['kind']} {event['key'].partition('|')[0]}" for event in self.events[before:]]

    def injected(self, modules: Any, name: str) -> Any:
        injection = next(one for one in modules("injections").INJECTIONS if one.name == name)
        return injection.change(self.scene, self.replay.means)


@pytest.fixture
def tuesday(modules: Any, work: Path, tmp_path: Path) -> Any:
    day = Tuesday(modules, work, tmp_path / "day")
    yield day
    day.drive.close()


def test_a_healthy_day_rings_for_nobody(tuesday: Tuesday) -> None:
    assert tuesday.go(24, step=600.0) == []
    assert tuesday.drive.requests > 50_000


def test_faults_and_a_scaled_feature_ring_and_the_faults_are_over_when_they_end(tuesday: Tuesday, modules: Any) -> None:
    assert tuesday.go(10, step=1200.0) == []
    assert tuesday.go(0.5) == []
    faults = tuesday.go(0.7, tuesday.injected(modules, "one-percent-5xx"))
    assert "fired error-share-high" in faults
    assert not [said for said in faults if not re.search("error", said)]
    after = tuesday.go(0.7)
    assert "over error-share-high" in after
    scaled = tuesday.go(3, tuesday.injected(modules, "feature-scaled"))
    assert "fired out-of-range" in scaled
    assert {event["labels"]["feature"] for event in tuesday.events if event.get("rule") == "out-of-range"} == {"distance"}


def test_a_dead_exporter_is_told_and_nothing_else_is_guessed(tuesday: Tuesday, modules: Any) -> None:
    tuesday.go(10, step=1200.0)
    tuesday.go(0.2, step=20.0)
    dead = tuesday.go(0.3, tuesday.injected(modules, "exporter-dead"), step=20.0)
    assert set(dead) == {"fired unreachable", "fired monitoring-blind"}
    assert set(tuesday.go(0.3, step=20.0)) == {"over unreachable", "over monitoring-blind"}


def test_the_real_service_counts_and_rings_as_the_drive_does(modules: Any, work: Path) -> None:
    found = modules("replay").real_service(work)
    assert found["different"] == []
    assert found["bins"] > 1000
    assert [(key, mine, theirs) for key, mine, theirs in found["readings"] if mine != theirs] == []
    assert found["service"][-3:] == found["drive"][-3:] == ["OK", "PENDING", "FIRING"]


def event(kind: str, rule: str, at: float, signal: str = "psi", level: str = "critical") -> dict[str, Any]:
    told = {"rule": rule, "signal": signal, "level": level, "labels": {"release": "r"}, "text": ""}
    return {"kind": kind, "key": rule, "at": at, **(told if kind == "fired" else {})}


def test_what_rings_is_judged_by_signal_level_and_time(modules: Any) -> None:
    judge, injection = modules("replay_page").judge, modules("injections").Injection("x", "", "rows", {"psi": "critical"}, ("ks",))
    good = judge(
        injection, [event("fired", "drift", 60), event("fired", "near", 70, "ks"), event("over", "drift", 90), event("over", "near", 95)]
    )
    assert (good.good, [one.rule for one in good.right], [one.rule for one in good.follows]) == (True, ["drift"], ["near"])
    assert judge(injection, []).missed == ("psi",)
    assert judge(injection, [event("fired", "drift", 60, level="warning"), event("over", "drift", 90)]).missed == ("psi",)
    assert judge(injection, [event("fired", "drift", 9000), event("over", "drift", 9900)]).missed == ("psi",)
    assert [one.rule for one in judge(injection, [event("fired", "volume", 60, "volume_drop")]).wrong] == ["volume"]
    assert [one.rule for one in judge(injection, [event("fired", "drift", 60)]).ringing] == ["drift"]


def rows() -> dict[str, list[str]]:
    """The table of the page, by injection."""
    lines = [line.strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| **")]
    return {re.findall(r"\*\*([a-z0-9-]+)\*\*", cells[0])[0]: [cell.strip() for cell in cells] for cells in lines}


def test_the_page_tells_of_every_injection_and_hides_no_miss(modules: Any) -> None:
    table, text = rows(), PAGE.read_text(encoding="utf-8")
    assert set(table) == {one.name for one in modules("injections").INJECTIONS} >= set(NAMED.values())
    for name, cells in table.items():
        if cells[-1] != "yes":
            assert cells[-1] == "**no**"
            assert re.search(rf"^- {name}: \*\*(missed|false|still ringing)\*\*", text, re.MULTILINE), name
        else:
            assert re.search(r"`[a-z0-9-]+`.* \((critical|warning|info)\)", cells[3]), name
            assert re.fullmatch(r"(\d+ (h|min|s)( \d+ min)?(<br>)?)+", cells[4]), name
    assert "python systems/late_arrivals/replay.py" in text
