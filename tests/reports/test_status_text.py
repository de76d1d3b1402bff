"""The terminal's status: the many summaries of a window are one line, and it is the worst of them."""

from __future__ import annotations

from typing import Any

from gonogo.reports.status import by_release, render_signals_text

RELEASE = "w@1.0.0"


def psi(feature: str, value: float | None, of: str | None = "window") -> dict[str, Any]:
    return {
        "signal": "psi", "labels": {"release": RELEASE, "feature": feature}, "value": value, "n": 900, "unit": "PSI", "threshold": 0.2,
        "window_seconds": 900.0, "details": {} if of is None else {"tensor": of},
    }  # fmt: skip


def shown(*signals: dict[str, Any]) -> list[tuple[str, int]]:
    [(release, found)] = by_release(signals)
    assert release == RELEASE
    return [(one["labels"]["feature"], one["stands_for"]) for one in found]


def test_the_worst_summary_of_a_window_stands_for_all_of_them_and_plain_features_for_themselves() -> None:
    features = [psi("a", 0.01, None), psi("b", 0.02, None)]
    summaries = [psi("window.close.mean", 0.03), psi("window.close.spread", 0.15), psi("image.mean", 0.01, "image")]
    assert shown(*features, *summaries) == [("window.close.spread", 2), ("b", 1), ("a", 1), ("image.mean", 1)]


def test_one_that_nobody_knows_is_not_hidden_behind_one_that_is_well_but_behind_one_that_rings() -> None:
    assert shown(psi("window.close.mean", 0.03), psi("window.close.spread", None)) == [("window.close.spread", 2)]
    assert shown(psi("window.close.mean", 0.3), psi("window.close.spread", None)) == [("window.close.mean", 2)]


def test_the_line_says_how_many_it_stands_for() -> None:
    status = {
        "watch": {"fresh": True}, "alarms": [], "signals": [psi(f"window.c{number}.mean", number / 1000) for number in range(33)],
    }  # fmt: skip
    text = render_signals_text(status)
    assert "worst of 33" in text
    assert text.count("psi") == 1


def test_the_same_signal_over_two_windows_is_told_apart_by_them() -> None:
    day, whole = {**psi("a", 0.02, None), "window_seconds": 86_400.0}, psi("a", 0.02, None)
    text = render_signals_text({"watch": {"fresh": True}, "alarms": [], "signals": [day, whole, psi("b", 0.01, None)]})
    names = [line[:28].rstrip() for line in text.splitlines() if line.startswith("psi")]
    assert sorted(names) == ["psi a over 1 d", "psi a over 15 min", "psi b"]
