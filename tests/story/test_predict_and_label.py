"""From `gonogo predict URL` to labels, as docs/formats/labels.md shows it: each row gets its own truth, whatever rows were bad."""

from __future__ import annotations

import json
import random
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "formats" / "labels.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("### From `gonogo predict` to labels")[2].partition("###")[0]
[PREDICT, FEEDBACK] = (shlex.split(line)[2:] for line in re.findall(r"^\$ (.*)$", SECTION, flags=re.MULTILINE))
[JOIN] = re.findall(r"```python\n(.*?)```", SECTION, flags=re.DOTALL)

BAD = {
    0: '{"amount": NaN, "city": "oslo"}', 3: "no JSON", 4: '{"amount": "much", "city": "oslo"}', 499: '{"city": "oslo"}', 500: "[]",
    730: '{"amount": 1e500, "city": "oslo"}', 731: '{"amount": 1, "city": null, "more": 1}',
}  # fmt: skip


def test_each_row_of_a_file_gets_the_label_that_is_its_own(small: Any) -> None:
    small.gonogo("release")
    with (small.folder / "gonogo.yaml").open("a") as file:
        file.write("\nprediction_log: {}\n")
    rows = [BAD.get(number, json.dumps({"amount": number / 1000, "city": "oslo"})) for number in range(1300)]
    (small.folder / "rows.jsonl").write_text("\n".join(rows))
    truth = random.Random(1).choices("01", k=len(rows))
    (small.folder / "truth.txt").write_text("\n".join(truth))
    service = small.serve("small@1.0.0")
    try:
        small.gonogo("predict", service.url, *PREDICT[1:], expect=1)
    finally:
        service.stop()  # the writer records what it has when it ends
    lines = [json.loads(line) for line in (small.folder / "predicted.jsonl").read_text().splitlines()]
    assert {line["row"] for line in lines if "errors" in line} == set(BAD)
    assert len({line["prediction_id"] for line in lines if "errors" not in line}) == 3
    small.python("-c", JOIN)
    done = small.json("feedback", *FEEDBACK)
    assert (done["joined"], done["refused"], done["waiting"]) == (len(rows) - len(BAD), 0, 0)
    with closing(sqlite3.connect(small.folder / ".gonogo" / "service" / "log" / "labels.db")) as store:
        classes = json.loads(store.execute("SELECT classes FROM release WHERE name = 'small@1.0.0'").fetchone()[0])
        actual = [classes[place] for (place,) in store.execute("SELECT actual FROM prediction ORDER BY score")]
    assert actual == [label for number, label in enumerate(truth) if number not in BAD]  # the score rises with the amount, row by row
