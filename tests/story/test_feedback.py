"""Weeks later the truth is known: it comes by HTTP and by file, is joined to what was predicted, and is counted once."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import duckdb

from gonogo.service.labels.store import LabelStore

if TYPE_CHECKING:
    from .conftest import User

REF = "late-arrivals@1.0.0"


def post(url: str, document: object) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url + "/feedback", json.dumps(document).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_labels_by_request_and_by_file_are_joined_corrected_and_refused_by_line(released: User) -> None:
    path = released.folder / "gonogo.yaml"
    path.write_text(path.read_text() + "\nprediction_log: {}\n")
    cursor = duckdb.sql(f"SELECT * EXCLUDE (late, scheduled) FROM '{released.folder / 'data' / 'live.parquet'}' LIMIT 40")
    rows = [dict(zip(cursor.columns, row, strict=True)) for row in cursor.fetchall()]
    running = released.serve(REF)
    try:
        ids = [running.predict(row)[1]["prediction_id"] for row in rows]
        several = running.predict(rows[:3])[1]["prediction_id"]
        status, taken = post(running.url, {"feedback": [{"prediction_id": name, "label": 1} for name in ids[:10]]})
        assert (status, taken["joined"] + taken["waiting"], taken["refused"]) == (200, 10, [])
        status, problem = post(running.url, {"feedback": [{"prediction_id": ids[0], "label": "late"}]})
        assert status in (200, 422)  # before the first spool is recorded nobody knows the classes: it waits, and is refused then
        status, problem = post(running.url, {"feedback": [{"label": 1}, {"prediction_id": ids[0], "label": 1, "row": -1}]})
        assert status == 422
        assert [error["index"] for error in problem["refused"]] == [0, 1]
    finally:
        running.stop()  # the writer records what it has when it ends
    lines = ["prediction_id,label,row"]
    lines += [f"{name},{'0' if number < 5 else '1'}," for number, name in enumerate(ids)]
    lines += ['"never closed,1,', f"{several},1,", f"{several},1,2", f"{ids[20]},maybe,", "\xff,1,", "nobody-1,1,"]
    (released.folder / "labels.csv").write_bytes("\n".join(lines).encode("latin-1"))
    done = json.loads(released.gonogo("feedback", "labels.csv", "--json", expect=1).stdout)
    assert done["lines"] == 46
    assert (done["refused"], [line for line, _ in done["broken"]]) == (4, [42, 43, 45, 46])
    assert (done["joined"] + done["changed"] + done["same"], done["waiting"]) == (41, 1)
    store = LabelStore(released.folder / ".gonogo" / "service" / "log" / "labels.db")
    counted = store.counts(REF, 0, 2**40)
    store.close()
    assert counted is not None
    assert (counted.rows, counted.labelled, int(counted.confusion[:, 0].sum())) == (43, 41, 5)


def test_without_a_prediction_log_feedback_says_what_to_add(released: User) -> None:
    running = released.serve(REF)
    try:
        status, problem = post(running.url, {"feedback": [{"prediction_id": "x-1", "label": "1"}]})
        assert (status, "prediction_log" in problem["hint"]) == (404, True)
    finally:
        running.stop()
    assert "prediction_log" in released.gonogo("feedback", "labels.csv", expect=2).stderr


def test_a_damaged_label_store_keeps_no_model_from_being_served_and_is_told(released: User) -> None:
    path = released.folder / "gonogo.yaml"
    path.write_text(path.read_text() + "\nprediction_log: {}\n")
    labels = released.folder / ".gonogo" / "service" / "log" / "labels.db"
    labels.parent.mkdir(parents=True)
    labels.write_bytes(os.urandom(100_000))
    cursor = duckdb.sql(f"SELECT * EXCLUDE (late, scheduled) FROM '{released.folder / 'data' / 'live.parquet'}' LIMIT 1")
    [row] = [dict(zip(cursor.columns, row, strict=True)) for row in cursor.fetchall()]
    running = released.serve(REF)
    try:
        status, answer = running.predict(row)
        assert status == 200
        label = {"feedback": [{"prediction_id": answer["prediction_id"], "label": 1}]}
        status, problem = post(running.url, label)
        assert (status, "cannot be kept" in json.dumps(problem), "move the file away" in problem["hint"]) == (503, True, True)
        for name in labels.parent.glob("labels.db*"):
            name.unlink()
        assert post(running.url, label)[0] == 200
    finally:
        running.stop()
