"""docs/how-to-serve.md, typed: two small releases, a service, and every way to ask, look, split, copy and measure."""

from __future__ import annotations

import json

import pytest

import sample
from page import blocks, read_page, typed_out
from waiting import free_port

PAGE = read_page("how-to-serve.md")

pytestmark = pytest.mark.timeout(300)


def release_two(user) -> None:
    """1.0.0 of the project as it is, and 1.1.0 of another model."""
    user.gonogo("release")
    (user.folder / "model.onnx").write_bytes(sample.model_bytes(2.5))
    user.gonogo("check", expect=1)
    user.gonogo("sign", "technical-lead")
    user.gonogo("release")


def test_how_to_serve_works_as_it_is_written(small) -> None:
    release_two(small)
    port = free_port()
    with typed_out(small, PAGE, service=port) as (said, _):
        for block in blocks(PAGE, "python"):
            assert "small@1.0.0" in small.python("-c", block.replace("8400", str(port))).stdout

    answers = {command: text for command, text in said.items() if "/predict -d" in command}
    rows = [[row["score"] for row in json.loads(text)["predictions"]] for text in answers.values()]
    assert rows[1] == rows[2] == [rows[0][0], rows[1][1]]
    assert len((small.folder / "predictions.jsonl").read_text().splitlines()) == 120
    by_release, by_service = (
        [json.loads(line)["score"] for line in (small.folder / name).read_text().splitlines()]
        for name in ("predictions.jsonl", "again.jsonl")
    )
    assert max(abs(a - b) for a, b in zip(by_release, by_service, strict=True)) < 1e-6
    named = next(text for command, text in said.items() if "x-gonogo-version" in command)
    assert json.loads(named)["release"] == "small@1.1.0"
    page = (small.folder / "load.html").read_text()
    assert "<svg" in page
    assert (small.folder / "deploy" / "gonogo.service").exists()
