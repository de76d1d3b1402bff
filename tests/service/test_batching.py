"""Whatever a model does, every request of a turn gets one answer, and nobody pays for another's rows."""

import asyncio
import threading
import time
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gonogo.errors import ModelError
from gonogo.model.runtime import GraphOutput
from gonogo.model.runtimes.onnx import OnnxRuntime
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.service.answering.batching import MOST_WAITING, Batcher
from gonogo.service.answering.endpoints import endpoints
from gonogo.service.answering.loading import Served
from gonogo.service.answering.warm_up import Cost
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import to_json

X = Schema("binary-classification", (GraphInput("x", "float32", 1),), (Feature("x", "float", False, "x", 0),), ("no", "yes"), "p")
QUICK, SLOW = Cost(), Cost(fixed=0.05)


class Asker:
    """A request that keeps its answers."""

    def __init__(self, codec, rows, *, gone=False):
        self.codec = codec
        self.exchange = (Gone if gone else Exchange)(b"POST", b"/predict", {}, to_json({"features": rows}))
        self.prediction_id = "id-1"
        self.answers = []

    def deliver(self, status, content_type, body, bad):
        self.answers.append((status, bad))


class Gone(Exchange):
    gone = True


class Model:
    """A model written in Python, for what no graph does. p is x."""

    inputs = X.inputs
    outputs = (GraphOutput("p", "float32", (None, 1)),)
    device = "cpu"

    def __init__(self):
        self.metadata = {}
        self.calls = []
        self.may_go_on = threading.Event()

    def run(self, batch, outputs=None):
        x = batch["x"]
        self.calls.append(x[:, 0].tolist())
        if (x == 666).any():
            raise ValueError("six six six")
        if (x == 5).any():
            self.may_go_on.wait(30)
        if (x == 4).any():
            x = x[:-1]
        return {"p": x}

    def interrupt(self):
        pass


def served(loaded=None, cost=QUICK):
    return Served("small@1.0.0", "sha256:0", X, loaded or Model(), {}, {}, {}, cost)


def run(release, *turns, pause=0.0, then=lambda: None):
    """Answers, by turn, of requests that arrive together; the next turn comes after a pause. `then` is called after the last one."""
    faults = []

    async def go():
        batcher = Batcher(release, seen=lambda computed: None, on_fault=faults.append)
        codec = endpoints(release, 1000)[b"/predict"]
        asks = []
        for turn in turns:
            asks.append([one if isinstance(one, Asker) else Asker(codec, one) for one in turn])
            for ask in asks[-1]:
                ask.codec = codec
                batcher.add(ask)
            await asyncio.sleep(pause)
        then()
        async with asyncio.timeout(60):
            while not all(ask.answers for turn in asks for ask in turn):
                await asyncio.sleep(0.001)
        return asks

    asks = asyncio.run(go())
    assert all(len(ask.answers) == 1 for turn in asks for ask in turn)
    return [[ask.answers[0] for ask in turn] for turn in asks], faults


def x(*values):
    return [{"x": value} for value in values]


GOOD, BAD = (200, False), (500, True)


def test_requests_with_large_bodies_are_read_over_several_turns_and_all_are_answered():
    model = Model()
    asks = [Asker(None, x(0.25)) for _ in range(20)]
    for ask in asks:
        ask.exchange.body += b" " * (1 << 20)
    [answers], faults = run(served(model), asks)
    assert (answers, faults) == ([GOOD] * 20, [])
    assert [len(call) for call in model.calls] == [8, 8, 4]  # a turn reads until it has 8 MiB


@pytest.mark.parametrize("cost", [QUICK, SLOW], ids=["on the loop", "on the thread"])
@pytest.mark.parametrize("bad", [666.0, 4.0, 7.0, -1.0], ids=["raises", "gives too few rows", "gives 7", "gives -1"])
def test_a_request_that_the_model_fails_on_harms_no_other_of_its_turn(bad, cost):
    model = Model()
    answers, faults = run(served(model, cost), [x(0.1), x(bad), x(0.2, 0.3)])
    assert answers == [[GOOD, BAD, GOOD]]
    assert len(faults) == 1
    assert [len(call) for call in model.calls] == [4, 1, 1, 2]


def test_a_request_of_several_rows_fails_as_a_whole():
    assert run(served(), [x(0.1, 666.0, 0.2), x(0.5)])[0] == [[BAD, GOOD]]


def test_one_turn_is_one_call_and_no_call_has_more_rows_than_are_quick():
    model = Model()
    run(served(model), [x(0.1)] * 30)
    assert [len(call) for call in model.calls] == [30]
    model = Model()
    run(served(model, Cost(fixed=0.0005, per_row=0.0005)), [x(0.1)] * 7 + [x(*[0.5] * 5)])
    assert [len(call) for call in model.calls] == [3, 3, 6]


def test_while_a_slow_model_computes_the_loop_goes_on_and_what_arrives_is_one_batch():
    model = Model()
    answers, faults = run(served(model, SLOW), [x(5.0)], [x(0.2)], [x(0.3)], pause=0.02, then=model.may_go_on.set)
    assert (answers, len(faults)) == ([[BAD], [GOOD], [GOOD]], 1)  # 5 is no probability
    assert [sorted(call) for call in model.calls] == [[5.0], pytest.approx([0.2, 0.3])]


def test_what_waits_is_bounded_and_what_does_not_fit_is_told_when_to_come_back():
    asks = [Asker(None, {"x": 0.1}) for _ in range(MOST_WAITING + 1)]
    (answers,), _ = run(served(), asks)
    assert answers == [GOOD] * MOST_WAITING + [(503, True)]
    assert asks[-1].exchange.reply_headers == b"retry-after: 1\r\n"


def test_nothing_is_computed_for_a_client_that_went_while_it_waited():
    model = Model()
    turns = [x(5.0)], [Asker(None, {"x": 0.25}, gone=True), x(0.5)]
    answers, _ = run(served(model, SLOW), *turns, pause=0.02, then=model.may_go_on.set)
    assert answers[1] == [(408, False), GOOD]
    assert model.calls == [[5.0], [0.5]]


def test_a_model_that_never_comes_back_and_cannot_be_interrupted_is_left_behind_and_the_next_requests_are_answered(monkeypatch):
    monkeypatch.setenv("GONOGO_MODEL_SECONDS", "0.4")
    model = Model()
    answers, _ = run(served(model, SLOW), [x(5.0)], [x(0.2)], pause=1.1)
    model.may_go_on.set()
    assert answers == [[(504, True)], [GOOD]]


def test_requests_that_waited_for_too_long_behind_another_are_turned_away(monkeypatch):
    monkeypatch.setenv("GONOGO_MODEL_SECONDS", "0.4")
    model = Model()
    waiting = Asker(None, {"x": 0.2})
    answers, _ = run(served(model, SLOW), [x(5.0)], [waiting], pause=0.05)
    model.may_go_on.set()
    assert answers == [[(504, True)], [(503, True)]]
    assert waiting.exchange.reply_headers == b"retry-after: 1\r\n"


def endless_graph():
    """p = x, after as many rounds of a loop as x has 10^-14: for x = 0 at once, for x = 1 never."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["carried", "nothing"], ["carries"])],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, None),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("carries", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "many"], ["product"]),
        helper.make_node("Cast", ["product"], ["rounds"], to=TensorProto.INT64),
        helper.make_node("Loop", ["rounds", "yes", "x"], ["p"], body=body),
    ]
    weights = [
        numpy_helper.from_array(np.float32(1e14), "many"),
        numpy_helper.from_array(np.array(True), "yes"),
        numpy_helper.from_array(np.float32(0), "nothing"),
    ]
    graph = helper.make_graph(
        nodes,
        "endless",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 1])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return OnnxRuntime().load(model.SerializeToString())


def test_a_quick_model_that_hangs_on_one_row_is_stopped_that_request_gets_a_504_and_its_neighbours_their_answers(monkeypatch):
    monkeypatch.setenv("GONOGO_MODEL_SECONDS", "4")  # all three must have had their turn within it
    release = served(endless_graph())
    started = time.perf_counter()
    answers, _ = run(release, [x(0.0), x(1.0), x(0.0)], [x(0.0)])
    assert answers == [[GOOD, (504, True), GOOD], [GOOD]]
    assert time.perf_counter() - started < 30  # and not for ever


def test_monitoring_that_fails_keeps_nobody_from_an_answer():
    faults = []

    async def go():
        def see(computed):
            raise ModelError("the disk is full")

        release = served()
        batcher = Batcher(release, seen=see, on_fault=faults.append)
        ask = Asker(endpoints(release, 10)[b"/predict"], {"x": 0.5})
        batcher.add(ask)
        await asyncio.sleep(0.01)
        return ask.answers

    assert asyncio.run(go()) == [GOOD]
    assert [str(fault) for fault in faults] == ["the disk is full"]


def test_a_codec_that_fails_costs_its_own_request_only():
    class Broken:
        def read(self, exchange):
            raise KeyError("broken")

        def refuse(self, refusal):
            raise KeyError("broken too")

    faults = []

    async def go():
        release = replace(served())
        batcher = Batcher(release, seen=lambda computed: None, on_fault=faults.append)
        asks = [Asker(Broken(), {"x": 0.5}), Asker(endpoints(release, 10)[b"/predict"], {"x": 0.5})]
        for ask in asks:
            batcher.add(ask)
        await asyncio.sleep(0.01)
        return [ask.answers for ask in asks]

    assert asyncio.run(go()) == [[BAD], [GOOD]]
    assert len(faults) == 2
