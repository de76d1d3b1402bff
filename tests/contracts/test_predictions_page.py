"""The page on asking for predictions is true: its requests are sent to a real release, and its answers are what comes back."""

import asyncio
import io
import json
import re
from pathlib import Path

import numpy as np
import pyarrow
import pytest

from gonogo.release.contents import Bundle
from gonogo.service.answering.batching import Batcher
from gonogo.service.answering.endpoints import endpoints
from gonogo.service.answering.loading import served_bundle
from gonogo.service.door.exchange import Exchange

PAGE = Path(__file__).parents[2] / "docs" / "formats" / "predictions.md"
BLOCK = re.compile(r"^```(http|python|json)\n(.*?)^```$", re.M | re.S)


def examples():
    """(target, headers, body, expected JSON or None) of each request on the page."""
    found = []
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "json":
            found[-1][3] = json.loads(text)
        elif kind == "http":
            head, _, body = text.partition("\n\n")
            found.append([head.removeprefix("POST ").encode(), {}, body.encode(), None])
        else:
            names = {}
            exec(text, names)
            headers = {name.encode(): value.encode() for name, value in names["headers"].items()}
            found.append([text.splitlines()[0].removeprefix("# POST ").encode(), headers, names["body"], None])
    return found


class Asker:
    prediction_id = "…"

    def __init__(self, codec, exchange):
        self.codec = codec
        self.exchange = exchange
        self.answer = None

    def deliver(self, status, content_type, body, bad):
        self.answer = body


@pytest.fixture(scope="module")
def ask(sealed):
    served = served_bundle("small@1.0.0", Bundle.open(sealed / "releases" / "small-1.0.0" / "bundle"), {})

    async def answer(target, headers, body):
        faults = []
        batcher = Batcher(served, seen=lambda computed: None, on_fault=faults.append)
        asker = Asker(endpoints(served, 1000)[target], Exchange(b"POST", target, headers, body))
        batcher.add(asker)
        while asker.answer is None:
            await asyncio.sleep(0)
        assert faults == []
        return asker.answer

    return lambda *request: asyncio.run(answer(*request))


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return round(value, 6) if isinstance(value, float) else value


@pytest.mark.parametrize("number", range(len(examples())))
def test_an_example_of_the_page_gets_the_answer_that_stands_below_it(ask, number):
    target, headers, body, expected = examples()[number]
    answer = ask(target, headers, body)
    if expected is not None:
        assert rounded(json.loads(answer)) == rounded(expected)
    elif headers[b"content-type"] == b"application/x-npy":
        np.testing.assert_allclose(np.load(io.BytesIO(answer))[:, 1], [0.8519528, 0.5], atol=1e-6)
    else:
        rows = pyarrow.ipc.open_stream(answer).read_all().to_pylist()
        assert list(rows[0]) == ["label", "score", "scores.0", "scores.1"]
        assert [(row["label"], round(row["score"], 6)) for row in rows] == [("1", 0.851953), ("1", 0.5)]


def test_the_page_has_an_example_of_every_form():
    targets = [
        (target, b"content-type" in headers or b"inference-header-content-length" in headers) for target, headers, _, _ in examples()
    ]
    assert targets.count((b"/predict", False)) == 4
    assert targets.count((b"/predict", True)) == 2
    assert sorted(is_binary for target, is_binary in targets if target != b"/predict") == [False, True]
