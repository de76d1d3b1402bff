"""The truth comes late: quality is judged when it is there, rings when labels say that the model is wrong, and is corrected by labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import duckdb
import pytest

from gonogo.operations.labels import label_quality
from gonogo.operations.workspace import Workspace
from waiting import until

pytestmark = [pytest.mark.xdist_group("story"), pytest.mark.timeout(300)]

REF = "late-arrivals@1.0.0"
RULES = """
prediction_log: {}
monitor:
  channels: [file]
  labels: {mature_after: 1 s, least_coverage: 0.5, slices: {carrier: [AA, DL]}}
  rules:
    - {name: auc-fell, signal: auc_drop, above: 0.05, clear: 0.04, for: 1 s, min_n: 500, runbook: quality}
    - {name: concept, signal: cbpe_gap, above: 0.05, clear: 0.04, for: 1 s, min_n: 500, level: warning, runbook: quality}
    - {name: unlabelled, signal: label_coverage, above: 0.5, clear: 0.5, for: 1 s, min_n: 500, level: warning, runbook: labels}
    - {name: drift, signal: psi, labels: {feature: (score)}, above: 0.2, clear: 0.1, for: 1 s, min_n: 500, level: warning}
"""


def flights(user: Any, rows: int) -> tuple[list[dict[str, Any]], list[int]]:
    """Held-out flights, and whether each was late."""
    path = user.folder / "data" / "test.parquet"
    with duckdb.connect(config={"threads": 1}) as connection:
        cursor = connection.execute(f"SELECT * EXCLUDE (scheduled) FROM '{path}' USING SAMPLE {rows} ROWS (reservoir, 17)")
        names = [column[0] for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [{name: value for name, value in row.items() if name != "late"} for row in found], [int(row["late"]) for row in found]


def states(user: Any) -> dict[str, str]:
    """The alarms by rule; of several with one rule the one that rings."""
    found: dict[str, str] = {}
    for entry in json.loads(user.gonogo("alarms", "--json", expect=None).stdout)["alarms"]:
        found[entry["rule"]] = "FIRING" if found.get(entry["rule"]) == "FIRING" else entry["state"]
    return found


def label(user: Any, ids: Sequence[str], late: Sequence[int]) -> None:
    lines = ["prediction_id,label,row", *(f"{ids[place // 500]},{actual},{place % 500}" for place, actual in enumerate(late))]
    (user.folder / "labels.csv").write_text("\n".join(lines) + "\n")
    user.gonogo("feedback", "labels.csv")


def test_labels_that_say_the_model_is_wrong_ring_and_corrected_ones_end_it(released: Any) -> None:
    file = released.folder / "gonogo.yaml"
    file.write_text(file.read_text().partition("monitor:")[0].rstrip() + "\n" + RULES)
    released.environment["GONOGO_WATCH_SECONDS"] = "0.5"
    rows, late = flights(released, 3000)
    service = released.serve(REF)
    try:
        until(lambda: states(released), bool)  # what was there before the first look is nobody's
        ids = [service.predict(rows[start : start + 500])[1]["prediction_id"] for start in range(0, len(rows), 500)]
        inputs = until(lambda: states(released), lambda seen: seen["drift"] != "UNKNOWN")["drift"]  # the watch has seen and remembers them
    finally:
        service.stop()  # the writer records what it has when it ends
    service = released.serve(REF)
    try:
        seen = until(lambda: states(released), lambda seen: seen.get("unlabelled") == "FIRING")
        assert (seen["auc-fell"], seen["concept"]) == ("UNKNOWN", "UNKNOWN")  # no label has come: nobody says that it is well

        label(released, ids, late)
        seen = until(lambda: states(released), lambda seen: seen["auc-fell"] == "OK" and seen["unlabelled"] == "OK")
        assert seen["concept"] == "OK"

        label(released, ids, [1 - actual for actual in late])
        seen = until(lambda: states(released), lambda seen: seen["auc-fell"] == "FIRING" and seen["concept"] == "FIRING")
        assert seen["drift"] == inputs, "the inputs are what they were"
        assert released.gonogo("alarms", expect=None).returncode == 1

        label(released, ids, late)
        until(lambda: states(released), lambda seen: seen["auc-fell"] == "OK")
    finally:
        service.stop()
    found = label_quality(Workspace.open(released.folder))
    quality = found["releases"][REF]
    assert (found["kept"], found["waiting"], quality["why"]) == (True, 0, "")
    assert (quality["rows"], quality["labelled"], quality["coverage"]) == (3000, 3000, 1.0)
    assert quality["figures"]["roc_auc"]["low"] < quality["before"]["roc_auc"]["value"] < quality["figures"]["roc_auc"]["high"]
    assert sum(point["n"] for point in quality["reliability"]) == 3000
    assert [day["labelled"] for day in quality["by_day"]][-1] in (3000, 0)  # midnight may have passed
