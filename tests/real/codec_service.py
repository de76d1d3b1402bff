"""A codec in front of a real batcher and a real graph, for tests."""

import asyncio

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gonogo.model.runtimes.onnx import OnnxRuntime
from gonogo.model.schema import FLOATS, INTEGERS, Feature, GraphInput, Schema, Tensor
from gonogo.service.answering.batching import Batcher
from gonogo.service.answering.endpoints import endpoints
from gonogo.service.answering.loading import Served
from gonogo.service.door.exchange import Exchange

NUMBERS = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 3),),
    (Feature("a", "float", False, "x", 0), Feature("b", "float", False, "x", 1), Feature("c", "float", True, "x", 2)),
    ("no", "yes"),
    "p",
)
MIXED = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 2), GraphInput("k", "int64", 1), GraphInput("s", "string", 1)),
    (
        Feature("amount", "float", True, "x", 0),
        Feature("flag", "bool", False, "x", 1),
        Feature("count", "int", False, "k", 0),
        Feature("city", "string", False, "s", 0),
    ),
    ("no", "yes"),
    "p",
)
FLAGS = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 2),),
    (Feature("flag", "bool", False, "x", 1), Feature("a", "float", False, "x", 0)),
    ("no", "yes"),
    "p",
)
WINDOWS = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 6, (3, 2)),),
    (Feature("x", "float", True, "x", 0, Tensor((3, 2))),),
    ("no", "yes"),
    "p",
)
BESIDE = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 6, (3, 2)), GraphInput("k", "int64", 1)),
    (Feature("x", "float", False, "x", 0, Tensor((3, 2))), Feature("count", "int", False, "k", 0)),
    ("no", "yes"),
    "p",
)
MOST = 20


def row_shape(graph_input):
    return graph_input.shape or (graph_input.width,)


def graph(schema):
    """p = sigmoid(sum of x, with NaN as 0): every value of x matters."""
    kinds = {name: helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in (*FLOATS, *INTEGERS)} | {"string": TensorProto.STRING}
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("IsNaN", ["wide"], ["absent"]),
        helper.make_node("Where", ["absent", "zero", "wide"], ["present"]),
        helper.make_node("ReduceSum", ["present", "axis"], ["sums"]),
        helper.make_node("Reshape", ["sums", "column"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["p"]),
    ]
    weights = [
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.arange(1, 1 + len(row_shape(schema.inputs[0]))), "axis"),
    ]
    weights.append(numpy_helper.from_array(np.array([-1, 1]), "column"))
    inputs = [helper.make_tensor_value_info(one.name, kinds[one.dtype], [None, *row_shape(one)]) for one in schema.inputs]
    outputs = [helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 1])]
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    onnx.checker.check_model(model)
    return OnnxRuntime().load(model.SerializeToString())


class Service:
    """The data plane behind the doors."""

    def __init__(self, schema):
        self.schema = schema
        self.faults = []
        self.batches = []
        served = Served("small@1.0.0", "sha256:0", schema, graph(schema), {}, {})
        self._codecs = endpoints(served, MOST)
        self._served = served

    def ask(self, *requests):
        """Answers of requests (target, headers, body) that arrive in one turn: (status, content type, body, reply headers)."""
        return asyncio.run(self._ask(requests))

    async def _ask(self, requests):
        batcher = Batcher(self._served, seen=self.batches.append, on_fault=self.faults.append)
        asks = [Asker(self._codecs[target], target, headers, body) for target, headers, body in requests]
        for ask in asks:
            batcher.add(ask)
        async with asyncio.timeout(60):
            while not all(ask.answers for ask in asks):
                await asyncio.sleep(0)
        assert all(len(ask.answers) == 1 for ask in asks)
        return [(*ask.answers[0], ask.exchange.reply_headers) for ask in asks]


class Asker:
    """A request that keeps its answer."""

    def __init__(self, codec, target, headers, body):
        self.codec = codec
        self.exchange = Exchange(b"POST", target, headers, body)
        self.prediction_id = "id-1"
        self.answers = []

    def deliver(self, status, content_type, body, bad):
        self.answers.append((status, content_type, body))
