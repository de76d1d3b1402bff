"""A status record with everything in it, some of it hostile, and its well counterpart."""

from __future__ import annotations

from typing import Any

import pytest

NEW, OLD = "shop@1.1.0", "shop@1.0.0"
HOSTILE = '</style><script>alert(1)</script><img src=x onerror="alert(2)">'


def alarm(rule: str, state: str, **more: Any) -> dict[str, Any]:
    text = f"psi of age {NEW} is 0.31 PSI; rings above 0.2 for 60 s"
    ringing = state in ("FIRING", "RECOVERING")
    judged = {"signal": "psi", "labels": {"release": NEW, "feature": "age"}, "condition": "BREACH" if rule == "drift" else "CLEAR"}
    return {
        **judged,
        "rule": rule,
        "state": state,
        "ringing": ringing,
        "text": text,
        "n": 1234,
        "since": "2026-11-21T04:00:00.000Z",
        **more,
    }


def signal(name: str, value: float | None, threshold: float | None, unit: str, **labels: str) -> dict[str, Any]:
    return {"signal": name, "labels": {"release": NEW, **labels}, "value": value, "threshold": threshold, "unit": unit, "n": 1234}


def look(second: int, phase: str, share: int) -> dict[str, Any]:
    judged = {
        "canary": {"n": 80, "bad": 1}, "stable": {"n": 900, "bad": 0}, "log_e_safe": 1.5, "pass_at": 3.0, "log_e_harm": 0.5, "fail_at": 4.6,
    }  # fmt: skip
    weights = {OLD: 10000 - share, NEW: share}
    return {"at": f"2026-11-21T04:00:{second:02}.000Z", "phase": phase, "weights": weights, "analysis": judged if share else None}


@pytest.fixture
def status() -> dict[str, Any]:
    """In the middle of a rollout, with alarms in every state."""
    arm = {"alive": True, "healthy": True, "n": 98765, "bad": 2, "p50_ms": 0.5, "p95_ms": 1.25, "p99_ms": None}
    return {
        "system": HOSTILE,
        "time": "2026-11-21T04:01:00.000Z",
        "health": {"state": "NOT WELL", "reasons": ["ringing: drift", HOSTILE]},
        "production": {
            "release": OLD, "version": "1.0.0", "digest": "sha256:" + "5" * 64, "since": "2026-11-20T00:00:00.000Z", "by": HOSTILE,
            "reason": HOSTILE,
        },
        "service": {
            "alive": True, "url": "http://127.0.0.1:8400", "problem": "",
            "arms": [{"release": OLD, "weight_bp": 9500, **arm}, {"release": NEW, "weight_bp": 500, **arm, "healthy": False}],
        },
        "rollout": {
            "old": OLD, "new": NEW, "state": "ANALYZING", "reason": HOSTILE, "figures": [], "finished": False,
            "paused": "",
            "driven": True,
            "waits": "waiting at 5 %: 7 of at most 2,000 requests in all, when none fails",
            "looks": [look(0, "PREPARING", 0), look(2, "ANALYZING", 500), look(9, "ANALYZING", 500)],
        },
        "watch": {"time": "2026-11-21T04:00:59.000Z", "fresh": True, "problem": "", "untold": 0},
        "signals": [
            signal("error_rate", 0.002, 0.05, "share"),
            signal("psi", 0.31, 0.2, "PSI", feature="age"),
            signal("psi", 0.42, 0.2, "PSI", feature="few"),
            signal("psi", None, 0.2, "PSI", feature=HOSTILE),
            signal("latency", 1.25, None, "ms", quantile="p95"),
        ],
        "alarms": [alarm("errors", "OK"), alarm("drift", "FIRING", text=HOSTILE), alarm("drift", "PENDING"), alarm("latency", "UNKNOWN")],
        "releases": [{"version": "1.0.0", "digest": "sha256:" + "5" * 64, "sealed_at": "2026-11-19T00:00:00.000Z"}],
        "events": 7,
        "chain": "intact",
    }  # fmt: skip


@pytest.fixture
def empty() -> dict[str, Any]:
    """Nothing was ever released."""
    return {
        "system": "shop",
        "time": "2026-11-21T04:01:00.000Z",
        "health": {"state": "NOTHING LIVE", "reasons": ["no release is in production"]},
        "production": None, "service": {"alive": False, "url": None, "problem": "It does not run.", "arms": []}, "rollout": None,
        "watch": {"time": None, "fresh": False, "problem": "", "untold": 0}, "signals": [], "alarms": [], "releases": [], "events": 0,
        "chain": "intact",
    }  # fmt: skip
